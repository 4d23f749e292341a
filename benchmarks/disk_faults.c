/* Lets changes of the disk fail, in the process that preloads this library. See disk_faults.py.

   It replaces the functions of the C library through which Python, NumPy, Pillow, TensorFlow and Rust change the disk.
   Each call that changes something in one folder is a point: its number, function and path are written to a log. At the
   chosen point the call does nothing, sets errno and returns its error value. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static long chosen = -1, count = 0;
static int code = 0, sticks = 0, fired = 0, log_file = -1, armed = 0;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* What a call needs. Removing and renaming need no space, so a full disk does not stop them. A permission is checked
   for names only. */
enum { SPACE = 1, NAMES = 2, DATA = 4 };

/* Starts to count the calls in `where`. Call number `at` (from 0; -1: none) fails with `error_code`; with `from_then_on`
   all later calls do, too. A line for each call is written to the descriptor `log`. */
void disk_faults_arm(const char *where, long at, int error_code, int from_then_on, int log) {
    snprintf(folder, sizeof folder, "%s/", where);
    chosen = at, code = error_code, sticks = from_then_on, log_file = log, count = 0, fired = 0, armed = 1;
}

static int can_fail(int needs) {
    if (code == ENOSPC || code == EDQUOT) return needs & SPACE;
    if (code == EACCES || code == EPERM) return needs & NAMES; /* a file that is open stays writable */
    return 1;
}

static int fails(const char *call, const char *path, int needs) {
    int failed = 0;
    char line[PATH_MAX + 100];
    if (!armed || !path || strncmp(path, folder, strlen(folder))) return 0;
    pthread_mutex_lock(&mutex);
    if (count == chosen ? can_fail(needs) : fired && sticks && can_fail(needs)) failed = fired = 1;
    int length = snprintf(line, sizeof line, "%ld\t%d\t%d\t%s\t%s\n", count++, needs, failed, call, path + strlen(folder));
    if (log_file >= 0) syscall(SYS_write, log_file, line, length);
    pthread_mutex_unlock(&mutex);
    if (failed) errno = code;
    return failed;
}

static const char *absolute(int directory, const char *path, char *out) {
    char base[PATH_MAX], link[64];
    if (!armed || !path) return NULL;
    if (path[0] == '/') return path;
    if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return NULL;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return NULL;
        base[length] = 0;
    }
    return snprintf(out, PATH_MAX, "%s/%s", base, path) < PATH_MAX ? out : NULL;
}

static int fails_at(const char *call, int directory, const char *path, int needs) {
    char out[PATH_MAX];
    return armed && fails(call, absolute(directory, path, out), needs);
}

static int fails_on(const char *call, int file, int needs) {
    char link[64], out[PATH_MAX];
    struct stat status;
    if (!armed || file < 3 || file == log_file || fstat(file, &status)) return 0;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, out, sizeof out - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return fails(call, out, needs);
}

static int writable(int file) {
    int flags = fcntl(file, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITING(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        if (WRITING(flags) && fails_at("open", AT_FDCWD, path, SPACE | NAMES)) return -1;                              \
        return NEXT(name)(path, flags, mode);                                                                          \
    }
#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...) {                                                        \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        if (WRITING(flags) && fails_at("open", directory, path, SPACE | NAMES)) return -1;                             \
        return NEXT(name)(directory, path, flags, mode);                                                               \
    }
#define FOPEN(name)                                                                                                    \
    FILE *name(const char *path, const char *mode) {                                                                   \
        if (strpbrk(mode, "wa+") && fails_at("open", AT_FDCWD, path, SPACE | NAMES)) return NULL;                      \
        return NEXT(name)(path, mode);                                                                                 \
    }
#define ON_FILE(type, name, call, needs, failed, parameters, arguments)                                                \
    type name parameters { return fails_on(call, file, needs) ? failed : NEXT(name) arguments; }
#define AT_PATH(name, call, needs, directory, parameters, arguments)                                                   \
    int name parameters { return fails_at(call, directory, path, needs) ? -1 : NEXT(name) arguments; }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)
ON_FILE(ssize_t, write, "write", SPACE | DATA, -1, (int file, const void *data, size_t size), (file, data, size))
ON_FILE(ssize_t, pwrite, "write", SPACE | DATA, -1, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
ON_FILE(ssize_t, pwrite64, "write", SPACE | DATA, -1, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
ON_FILE(ssize_t, writev, "write", SPACE | DATA, -1, (int file, const struct iovec *parts, int number), (file, parts, number))
ON_FILE(int, ftruncate, "truncate", DATA, -1, (int file, off_t size), (file, size))
ON_FILE(int, ftruncate64, "truncate", DATA, -1, (int file, off64_t size), (file, size))
ON_FILE(int, fsync, "fsync", SPACE | DATA, -1, (int file), (file))
ON_FILE(int, fdatasync, "fsync", SPACE | DATA, -1, (int file), (file))

ssize_t sendfile(int file, int from, off_t *at, size_t size);
ssize_t sendfile64(int file, int from, off64_t *at, size_t size);
ON_FILE(ssize_t, sendfile, "write", SPACE | DATA, -1, (int file, int from, off_t *at, size_t size), (file, from, at, size))
ON_FILE(ssize_t, sendfile64, "write", SPACE | DATA, -1, (int file, int from, off64_t *at, size_t size), (file, from, at, size))
ssize_t copy_file_range(int from, off64_t *from_at, int file, off64_t *at, size_t size, unsigned int flags) {
    if (fails_on("write", file, SPACE | DATA)) return -1;
    return NEXT(copy_file_range)(from, from_at, file, at, size, flags);
}

AT_PATH(mkdir, "mkdir", SPACE | NAMES, AT_FDCWD, (const char *path, mode_t mode), (path, mode))
AT_PATH(mkdirat, "mkdir", SPACE | NAMES, directory, (int directory, const char *path, mode_t mode), (directory, path, mode))
AT_PATH(rmdir, "rmdir", NAMES, AT_FDCWD, (const char *path), (path))
AT_PATH(unlink, "unlink", NAMES, AT_FDCWD, (const char *path), (path))
AT_PATH(unlinkat, "unlink", NAMES, directory, (int directory, const char *path, int flags), (directory, path, flags))
AT_PATH(rename, "rename", NAMES, AT_FDCWD, (const char *path, const char *to), (path, to))
AT_PATH(renameat, "rename", NAMES, directory, (int directory, const char *path, int other, const char *to), (directory, path, other, to))
AT_PATH(renameat2, "rename", NAMES, directory, (int directory, const char *path, int other, const char *to, unsigned int flags), (directory, path, other, to, flags))
AT_PATH(truncate, "truncate", DATA, AT_FDCWD, (const char *path, off_t size), (path, size))

/* For a link, the folder of the new name counts. */
int link(const char *from, const char *path) {
    return fails_at("link", AT_FDCWD, path, SPACE | NAMES) ? -1 : NEXT(link)(from, path);
}
int symlink(const char *from, const char *path) {
    return fails_at("symlink", AT_FDCWD, path, SPACE | NAMES) ? -1 : NEXT(symlink)(from, path);
}

/* A failed close closes the file, as in the kernel. */
int close(int file) {
    int failed = armed && writable(file) && fails_on("close", file, SPACE | DATA), result = NEXT(close)(file);
    if (!failed) return result;
    errno = code;
    return -1;
}
int fclose(FILE *stream) {
    int failed = armed && writable(fileno(stream)) && fails_on("close", fileno(stream), SPACE | DATA);
    int result = NEXT(fclose)(stream);
    if (!failed) return result;
    errno = code;
    return EOF;
}
size_t fwrite(const void *data, size_t size, size_t number, FILE *stream) {
    return armed && fails_on("write", fileno(stream), SPACE | DATA) ? 0 : NEXT(fwrite)(data, size, number, stream);
}
int fflush(FILE *stream) {
    return stream && armed && fails_on("write", fileno(stream), SPACE | DATA) ? EOF : NEXT(fflush)(stream);
}
