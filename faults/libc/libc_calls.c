/* libc_calls.c - what the linker leads the wrapped calls to.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "libc_scope.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

/* --- memory --- */

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
char *__wrap_strdup(const char *);
char *__wrap_strndup(const char *, size_t);

static void *null(int error)
{
    errno = error;
    return NULL;
}

void *__wrap_malloc(size_t size)
{
    int error = leat__libc_fault(LEAT_LIBC_MALLOC);

    return error ? null(error) : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    int error = leat__libc_fault(LEAT_LIBC_CALLOC);

    return error ? null(error) : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    int error = leat__libc_fault(LEAT_LIBC_REALLOC);

    return error ? null(error) : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t line, size_t size)
{
    int error = leat__libc_fault(LEAT_LIBC_ALIGNED_ALLOC);

    return error ? null(error) : __real_aligned_alloc(line, size);
}

char *__wrap_strdup(const char *text)
{
    int error = leat__libc_fault(LEAT_LIBC_STRDUP);

    return error ? null(error) : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t most)
{
    int error = leat__libc_fault(LEAT_LIBC_STRNDUP);

    return error ? null(error) : __real_strndup(text, most);
}

/* --- threads --- */

int __real_pthread_create(pthread_t *, const pthread_attr_t *,
                          void *(*)(void *), void *);
int __real_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int __real_pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *,
                          void *(*)(void *), void *);
int __wrap_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int __wrap_pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg)
{
    int error = leat__libc_fault(LEAT_LIBC_THREAD);

    return error ? error : __real_pthread_create(thread, attr, fn, arg);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
                              const pthread_mutexattr_t *attr)
{
    int error = leat__libc_fault(LEAT_LIBC_MUTEX);

    return error ? error : __real_pthread_mutex_init(mutex, attr);
}

int __wrap_pthread_cond_init(pthread_cond_t *cond,
                             const pthread_condattr_t *attr)
{
    int error = leat__libc_fault(LEAT_LIBC_COND);

    return error ? error : __real_pthread_cond_init(cond, attr);
}

/* --- files --- */

ssize_t __real_read(int, void *, size_t);
ssize_t __real_write(int, const void *, size_t);
int __real_fsync(int);
int __real_fdatasync(int);
int __real_open(const char *, int, ...);
int __real_close(int);
ssize_t __wrap_read(int, void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);
int __wrap_fsync(int);
int __wrap_fdatasync(int);
int __wrap_open(const char *, int, ...);
int __wrap_close(int);

static int minus_one(int error)
{
    errno = error;
    return -1;
}

static size_t half(size_t size)
{
    return size > 1 ? size / 2 : size;
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    int error = leat__libc_fault(LEAT_LIBC_READ);

    if (error > 0)
        return minus_one(error);
    return __real_read(fd, bytes, error ? half(size) : size);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    int error = leat__libc_fault(LEAT_LIBC_WRITE);

    if (error > 0)
        return minus_one(error);
    return __real_write(fd, bytes, error ? half(size) : size);
}

int __wrap_fsync(int fd)
{
    int error = leat__libc_fault(LEAT_LIBC_FSYNC);

    return error ? minus_one(error) : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
    int error = leat__libc_fault(LEAT_LIBC_FDATASYNC);

    return error ? minus_one(error) : __real_fdatasync(fd);
}

int __wrap_open(const char *path, int flags, ...)
{
    int error = leat__libc_fault(LEAT_LIBC_OPEN);
    mode_t mode = 0;
    va_list args;

    if (error)
        return minus_one(error);
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    return __real_open(path, flags, mode);
}

/* As Linux does it: the descriptor is gone, whatever close() says. */
int __wrap_close(int fd)
{
    int error = leat__libc_fault(LEAT_LIBC_CLOSE);
    int status = __real_close(fd);

    return error ? minus_one(error) : status;
}
