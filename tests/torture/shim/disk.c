/* A disk that remembers, and a disk that fails: preloaded into a process under test.
 *
 *   SHIM_FOLDER   only files in this folder are watched
 *   SHIM_JOURNAL  every change to them and every sync is appended here, in the order they happened (see journal.py)
 *   SHIM_FAIL     "write:mail.db-wal" or "sync:mail.db": that call on that file fails once with EIO ...
 *   SHIM_ARMED    ... the n-th time after this file exists; n is its text
 *   SHIM_QUOTA    what would make the folder's files longer, all together, than this file's number fails with EDQUOT
 *   SHIM_READONLY once this file exists, nothing in the folder can be changed any more: EROFS
 *
 * One lock is held over each call and its line in the journal, so the journal's order is the disk's. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *names[FILES]; /* by descriptor; NULL: not watched */
static char folder[4096];
static size_t folder_length;
static int journal = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_JOURNAL");
    if (getenv("SHIM_FOLDER") == NULL || realpath(getenv("SHIM_FOLDER"), folder) == NULL) return;
    folder_length = strlen(folder);
    if (path != NULL) journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* op, length of the name, offset, length of the data; then name and data. */
static void note(char op, const char *name, uint64_t offset, const void *data, uint64_t length) {
    struct __attribute__((packed)) { char op; uint16_t name; uint64_t offset, length; } head = {
        op, (uint16_t)strlen(name), offset, length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, data ? length : 0}};
    if (journal >= 0 && writev(journal, parts, 3) < 0) abort(); /* a hole in the journal would prove nothing */
}

static const char *watched(int descriptor) {
    return descriptor >= 0 && descriptor < FILES ? names[descriptor] : NULL;
}

/* The number in a file; `otherwise` when there is no such file or nothing in it. */
static long number(const char *path, long otherwise) {
    char text[32] = "";
    int descriptor = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return otherwise;
    ssize_t size = read(descriptor, text, sizeof text - 1);
    REAL(close)(descriptor);
    return size > 0 ? atol(text) : otherwise;
}

/* Whether nothing may be changed. */
static int frozen(void) {
    const char *path = getenv("SHIM_READONLY");
    if (!path || access(path, F_OK)) return 0;
    errno = EROFS;
    return 1;
}

/* Whether a file must not become so long. */
static int exceeds(int descriptor, uint64_t end) {
    const char *quota = getenv("SHIM_QUOTA");
    struct stat one;
    if (!quota || fstat(descriptor, &one) || end <= (uint64_t)one.st_size) return 0;
    uint64_t sum = end - (uint64_t)one.st_size;
    DIR *all = opendir(folder);
    for (struct dirent *entry; all && (entry = readdir(all));)
        if (!fstatat(dirfd(all), entry->d_name, &one, 0) && S_ISREG(one.st_mode)) sum += (uint64_t)one.st_size;
    if (all) closedir(all);
    if (sum <= (uint64_t)number(quota, INT64_MAX)) return 0;
    errno = EDQUOT;
    return 1;
}

/* Whether this is the call that is to fail. */
static int fails(const char *call, const char *name) {
    static long left = -1;
    static int over = 0;
    const char *what = getenv("SHIM_FAIL"), *armed = getenv("SHIM_ARMED");
    size_t length = strlen(call);
    if (over || !what || !armed || strncmp(what, call, length) || what[length] != ':') return 0;
    if (strcmp(what + length + 1, name)) return 0;
    if (left < 0) {
        if (access(armed, F_OK)) return 0;
        left = number(armed, 1);
    }
    if (--left > 0) return 0;
    over = 1;
    note('F', name, 0, NULL, 0);
    errno = EIO;
    return 1;
}

static int opened(int descriptor) {
    char link[64], path[4096];
    ssize_t length;
    if (folder_length == 0 || descriptor < 0 || descriptor >= FILES) return descriptor;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)folder_length || strncmp(path, folder, folder_length)) return descriptor;
    path[length] = 0;
    pthread_mutex_lock(&lock);
    names[descriptor] = strdup(path[folder_length] == '/' ? path + folder_length + 1 : "");
    note('O', names[descriptor], 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

/* Whether this would open a file of the folder to change it. */
static int changes(const char *path, int flags) {
    char above[4096], whole[4096];
    if (!folder_length || !(flags & (O_WRONLY | O_RDWR | O_CREAT)) || strlen(path) >= sizeof above) return 0;
    return realpath(dirname(strcpy(above, path)), whole) && !strncmp(whole, folder, folder_length) && frozen();
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        if (changes(path, flags)) return -1;                                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        return opened(REAL(name)(path, flags, mode));                                                                  \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int where, const char *path, int flags, ...) {                                                            \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        return opened(REAL(name)(where, path, flags, mode));                                                           \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int descriptor) {
    pthread_mutex_lock(&lock);
    if (watched(descriptor)) {
        free(names[descriptor]);
        names[descriptor] = NULL;
    }
    pthread_mutex_unlock(&lock);
    return REAL(close)(descriptor);
}

/* Runs `call`, which gives `result` and makes the file `end` long, and notes what it did when that is so. */
#define WATCHED(descriptor, kind, end, type, call, op, offset, data, length, done)                                     \
    const char *name = watched(descriptor);                                                                            \
    if (name == NULL) return call;                                                                                     \
    pthread_mutex_lock(&lock);                                                                                         \
    type result = -1;                                                                                                  \
    if (!(*kind == 'w' && frozen()) && !exceeds(descriptor, end) && !fails(kind, name)) {                              \
        result = call;                                                                                                 \
        if (done) note(op, name, offset, data, length);                                                                \
    }                                                                                                                  \
    int error = errno;                                                                                                 \
    pthread_mutex_unlock(&lock);                                                                                       \
    errno = error;                                                                                                     \
    return result;

ssize_t write(int descriptor, const void *data, size_t size) {
    off64_t at = watched(descriptor) ? lseek64(descriptor, 0, SEEK_CUR) : 0;
    WATCHED(descriptor, "write", (uint64_t)at + size, ssize_t, REAL(write)(descriptor, data, size), 'W', (uint64_t)at,
            data, (uint64_t)result, result > 0)
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
    WATCHED(descriptor, "write", (uint64_t)at + size, ssize_t, REAL(pwrite)(descriptor, data, size, at), 'W',
            (uint64_t)at, data, (uint64_t)result, result > 0)
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
    WATCHED(descriptor, "write", (uint64_t)at + size, ssize_t, REAL(pwrite64)(descriptor, data, size, at), 'W',
            (uint64_t)at, data, (uint64_t)result, result > 0)
}

int ftruncate(int descriptor, off_t size) {
    WATCHED(descriptor, "write", (uint64_t)size, int, REAL(ftruncate)(descriptor, size), 'T', (uint64_t)size, NULL, 0,
            result == 0)
}

int ftruncate64(int descriptor, off64_t size) {
    WATCHED(descriptor, "write", (uint64_t)size, int, REAL(ftruncate64)(descriptor, size), 'T', (uint64_t)size, NULL, 0,
            result == 0)
}

#define FALLOCATE(name, type)                                                                                          \
    int name(int descriptor, type at, type size) {                                                                     \
        pthread_mutex_lock(&lock);                                                                                     \
        int refused = watched(descriptor) && (frozen() || exceeds(descriptor, (uint64_t)(at + size)));                 \
        int error = errno;                                                                                             \
        pthread_mutex_unlock(&lock);                                                                                   \
        return refused ? error : REAL(name)(descriptor, at, size);                                                     \
    }
FALLOCATE(posix_fallocate, off_t)
FALLOCATE(posix_fallocate64, off64_t)

int fsync(int descriptor) {
    WATCHED(descriptor, "sync", 0, int, REAL(fsync)(descriptor), 'S', 0, NULL, 0, result == 0)
}

int fdatasync(int descriptor) {
    WATCHED(descriptor, "sync", 0, int, REAL(fdatasync)(descriptor), 'S', 0, NULL, 0, result == 0)
}

int unlink(const char *path) {
    char whole[4096];
    int inside = folder_length && realpath(path, whole) && !strncmp(whole, folder, folder_length);
    if (inside && frozen()) return -1;
    pthread_mutex_lock(&lock);
    int result = REAL(unlink)(path), error = errno;
    if (inside && result == 0) note('U', whole + folder_length + 1, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int rename(const char *from, const char *to) {
    char old[4096], new[4096];
    int inside = folder_length && realpath(from, old) && !strncmp(old, folder, folder_length);
    if (inside && frozen()) return -1;
    pthread_mutex_lock(&lock);
    int result = REAL(rename)(from, to), error = errno;
    if (inside && result == 0 && realpath(to, new) && !strncmp(new, folder, folder_length)) {
        const char *before = old + folder_length + 1, *after = new + folder_length + 1;
        note('R', before, 0, after, strlen(after));
        for (int descriptor = 0; descriptor < FILES; descriptor++)
            if (names[descriptor] && !strcmp(names[descriptor], before)) {
                free(names[descriptor]);
                names[descriptor] = strdup(after);
            }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
