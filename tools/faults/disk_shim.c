/* A disk that kills, fails or lies: loaded before libc (LD_PRELOAD) into one process of the laboratory.

   Every call that changes a file under one folder gets the next number; the control file, mapped by the laboratory as
   well, says from which number to which something is done instead of the call, or to the process. Needs no privilege,
   counts over all threads, and costs a readlink(2) a call, where tracing would stop the process at every call it makes. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

enum { NOTHING, KILL, FAIL, LIE };
enum { WRITE, PWRITE, TRUNCATE, ALLOCATE, RENAME, UNLINK, FSYNC, FDATASYNC, KINDS };

/* Laid out as tools/faults/disk_shim.py unpacks it. */
struct control {
    volatile int64_t first, last;  /* numbers that are hit, both included */
    volatile int32_t action;       /* one of the above */
    volatile int32_t error;        /* errno of FAIL */
    volatile int32_t syncs_only;   /* hit fsync and fdatasync alone; others go through, counted all the same */
    volatile int32_t last_kind;    /* what was hit last */
    int64_t seen, hits;
    int64_t by_kind[KINDS];
};

static struct control *control;
static const char *under;
static size_t under_length;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("GUANKOU_SHIM_CONTROL");
    under = getenv("GUANKOU_SHIM_UNDER");
    if (path == NULL || under == NULL)
        return;
    under_length = strlen(under);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        control = page;
}

static int concerns(const char *path)
{
    /* The folder itself too: it is synced after a rename. */
    return control != NULL && path != NULL && strncmp(path, under, under_length) == 0
        && (path[under_length] == '/' || path[under_length] == 0);
}

static int concerns_fd(int fd)
{
    char link[32], path[PATH_MAX];
    if (control == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return concerns(path);
}

/* Whether every call from some number on is to find no space: a disk that is full, not one error. */
static int full(void)
{
    return control->action == FAIL && control->error == ENOSPC && control->last > control->first
        && control->seen >= control->first - 1;
}

/* What is to be done about this call: NOTHING lets it through. A KILL does not return. */
static int met(int kind)
{
    int64_t number = __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&control->by_kind[kind], 1, __ATOMIC_SEQ_CST);
    int action = control->action, is_sync = kind == FSYNC || kind == FDATASYNC;
    if (action == NOTHING || number < control->first || number > control->last || (control->syncs_only && !is_sync))
        return NOTHING;
    /* A full disk still deletes, and writes what it has room for. */
    if (full() && (kind == UNLINK || is_sync))
        return NOTHING;
    control->last_kind = kind;
    __atomic_add_fetch(&control->hits, 1, __ATOMIC_SEQ_CST);
    if (action == KILL)
        kill(getpid(), SIGKILL);
    if (action == FAIL)
        errno = control->error;
    return action;
}

#define REAL(name, type, ...)                                  \
    static type (*real)(__VA_ARGS__);                          \
    if (real == NULL)                                          \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define INSTEAD(kind, condition)                \
    if (condition) {                            \
        int action = met(kind);                 \
        if (action == FAIL)                     \
            return -1;                          \
        if (action == LIE)                      \
            return 0;                           \
    }

ssize_t write(int fd, const void *data, size_t size)
{
    REAL("write", ssize_t, int, const void *, size_t);
    INSTEAD(WRITE, concerns_fd(fd));
    return real(fd, data, size);
}

#define PWRITE_AS(name, offset_type)                                        \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) \
    {                                                                       \
        REAL(#name, ssize_t, int, const void *, size_t, offset_type);       \
        INSTEAD(PWRITE, concerns_fd(fd));                                   \
        return real(fd, data, size, offset);                                \
    }
PWRITE_AS(pwrite, off_t)
PWRITE_AS(pwrite64, off64_t)

#define TRUNCATE_AS(name, offset_type)           \
    int name(int fd, offset_type length)         \
    {                                            \
        REAL(#name, int, int, offset_type);      \
        INSTEAD(TRUNCATE, concerns_fd(fd));      \
        return real(fd, length);                 \
    }
TRUNCATE_AS(ftruncate, off_t)
TRUNCATE_AS(ftruncate64, off64_t)

/* This one returns its error instead of setting errno. */
#define ALLOCATE_AS(name, offset_type)                              \
    int name(int fd, offset_type offset, offset_type length)        \
    {                                                               \
        REAL(#name, int, int, offset_type, offset_type);            \
        if (concerns_fd(fd) && met(ALLOCATE) == FAIL)               \
            return control->error;                                  \
        return real(fd, offset, length);                            \
    }
ALLOCATE_AS(posix_fallocate, off_t)
ALLOCATE_AS(posix_fallocate64, off64_t)

int rename(const char *from, const char *to)
{
    REAL("rename", int, const char *, const char *);
    INSTEAD(RENAME, concerns(to));
    return real(from, to);
}

int unlink(const char *path)
{
    REAL("unlink", int, const char *);
    INSTEAD(UNLINK, concerns(path));
    return real(path);
}

int fsync(int fd)
{
    REAL("fsync", int, int);
    INSTEAD(FSYNC, concerns_fd(fd));
    return real(fd);
}

int fdatasync(int fd)
{
    REAL("fdatasync", int, int);
    INSTEAD(FDATASYNC, concerns_fd(fd));
    return real(fd);
}

#define STATVFS_AS(name, space_type)                                \
    int name(const char *path, struct space_type *space)            \
    {                                                               \
        REAL(#name, int, const char *, struct space_type *);        \
        int result = real(path, space);                             \
        if (result == 0 && concerns(path) && full())                \
            space->f_bavail = space->f_bfree = 0;                   \
        return result;                                              \
    }
STATVFS_AS(statvfs, statvfs)
STATVFS_AS(statvfs64, statvfs64)
