/* files.h - a folder for a test, and files in it.
 * SPDX-License-Identifier: MIT */
#ifndef ADAPTERS_FILES_H
#define ADAPTERS_FILES_H

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static inline void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s/leat-test-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" /* syncs for nothing */
                                           : "/tmp");
    if (!mkdtemp(folder))
        abort();
}

static inline void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[512];

    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

/* A path in the folder; the last eight are kept. */
static inline const char *path_of(const char *name)
{
    static char paths[8][512];
    static unsigned at;
    char *path = paths[at++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *put_file(const char *name, const void *bytes,
                                   size_t len)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "w");

    if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
    return path;
}

/* What is in the file, 0-terminated, to be freed; NULL: there is none. */
static inline char *get_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "r");
    size_t room = 1 << 16, got = 0;
    char *text = malloc(room + 1);

    if (!file) {
        free(text);
        return NULL;
    }
    for (size_t more; (more = fread(text + got, 1, room - got, file)) > 0;) {
        got += more;
        if (got == room)
            text = realloc(text, (room *= 2) + 1);
    }
    fclose(file);
    text[got] = '\0';
    if (len)
        *len = got;
    return text;
}

/* Ends this process as kill -9 does. */
static inline void die(void)
{
    kill(getpid(), SIGKILL);
}

/* Whether the child has died so, and not in another way. */
static inline bool has_died(pid_t child)
{
    int status = 0;

    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL;
}

/* Gives up root's right to do everything, in this folder. */
static inline void become_nobody(void)
{
    if (geteuid() == 0 && (chown(folder, 65534, 65534) != 0 ||
                           seteuid(65534) != 0))
        abort();
}

static inline void become_root_again(void)
{
    chmod(folder, 0700);
    if (getuid() == 0 && seteuid(0) != 0)
        abort();
}

static inline bool exists(const char *path)
{
    struct stat stat_;
    return lstat(path, &stat_) == 0;
}

#endif
