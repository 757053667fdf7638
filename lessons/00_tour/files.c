/* files.c - the file in memory, and the folder that the tour works in.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "tour.h"
#include <errno.h>
#include <fcntl.h>
#include <leat/sqlite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] = "zip_code,latitude,longitude,city,state,county";

static char *slurp(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    size_t room = 1 << 20;
    char *text = file ? malloc(room) : NULL;

    *len = 0;
    while (text) {
        *len += fread(text + *len, 1, room - 1 - *len, file);
        if (*len < room - 1)
            break;
        char *more = realloc(text, room *= 2);
        if (!more)
            free(text);
        text = more;
    }
    if (!text || ferror(file)) {
        complain("%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    if (text)
        text[*len] = '\0';
    return text;
}

static bool cut(struct lines *lines, size_t len)
{
    size_t room = 1;

    for (const char *at = lines->text; *at; at++)
        room += *at == '\n';
    lines->line = malloc(room * sizeof *lines->line);
    if (!lines->line) {
        complain("no memory");
        return false;
    }
    for (char *at = lines->text; at < lines->text + len;) {
        lines->line[lines->count++] = at;
        at += strcspn(at, "\n");
        if (!*at)
            break; /* the end, or a NUL that is none of ours */
        *at++ = '\0';
    }
    return true;
}

uint64_t tour_records(const struct tour *tour)
{
    return tour->lines.count > 0 ? tour->lines.count - 1 : 0;
}

bool tour_is_kit(const struct tour *tour)
{
    if (tour->lines.hash == TOUR_HASH && tour_records(tour) == TOUR_RECORDS)
        return true;
    complain("this is not the zipcodes.csv of the kit: %ju records",
             (uintmax_t)tour_records(tour));
    return false;
}

static int load(struct tour *tour)
{
    size_t len;

    tour->lines.text = slurp(tour->csv, &len);
    if (!tour->lines.text)
        return TOUR_REFUSED;
    tour->lines.hash = leat_sqlite_hash(0, tour->lines.text, len);
    if (!cut(&tour->lines, len))
        return TOUR_REFUSED;
    if (tour->lines.count > 0 && strcmp(tour->lines.line[0], header) == 0)
        return TOUR_OK;
    complain("%s:1: the header must be %s", tour->csv, header);
    return tour_is_kit(tour) ? TOUR_OK : TOUR_WRONG;
}

static void name(const struct tour *tour, char path[TOUR_PATH], const char *file)
{
    snprintf(path, TOUR_PATH, "%s/%s", tour->dir, file);
}

static int enter(struct tour *tour)
{
    if (strlen(tour->dir) > TOUR_PATH - 64) {
        complain("%.60s...: %s", tour->dir, strerror(ENAMETOOLONG));
        return TOUR_REFUSED;
    }
    if (!tour->csv || mkdir(tour->dir, 0777) == 0 || errno == EEXIST)
        tour->lock = open(tour->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tour->lock < 0) {
        complain("%s: %s", tour->dir, strerror(errno));
        return TOUR_REFUSED;
    }
    if (flock(tour->lock, LOCK_EX | LOCK_NB) == 0)
        return TOUR_OK;
    complain("%s: another tour is at work there", tour->dir);
    return TOUR_REFUSED;
}

int tour_open(struct tour *tour)
{
    int status = tour->csv ? load(tour) : TOUR_OK;

    tour->lock = -1;
    if (status != TOUR_OK || (status = enter(tour)) != TOUR_OK)
        return status;
    name(tour, tour->clean_db, "clean.db");
    name(tour, tour->broken_csv, "broken.csv");
    name(tour, tour->errors, "errors.jsonl");
    name(tour, tour->rerunning, "errors.jsonl.rerunning");
    name(tour, tour->final_db, "final.db");
    name(tour, tour->hang_db, "hang.db");
    name(tour, tour->threshold_db, "threshold.db");
    name(tour, tour->threshold_errors, "threshold.jsonl");
    name(tour, tour->reports_db, "reports.db");
    return TOUR_OK;
}

void tour_close(struct tour *tour)
{
    free(tour->lines.line);
    free(tour->lines.text);
    if (tour->lock >= 0)
        close(tour->lock);
}

void tour_remove_db(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char file[TOUR_PATH + 16];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        if (unlink(file) != 0 && errno != ENOENT)
            complain("%s: %s", file, strerror(errno));
    }
}
