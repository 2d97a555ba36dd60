/*
 * linux_files DIRECTORY: what the calls about files answer, printed line by line, so that the lines of Linux and of
 * Vellum can be compared. Nothing that may differ (inode numbers, dates, addresses) is printed.
 */
#include "linux.h"

#include <dirent.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* Volatile, so that the compiler does not warn of what is meant to be wrong. */
static void *volatile nowhere = (void *)8;
static void *volatile upper_half = (void *)-4096;
static volatile int minus_one = -1, too_many = 2000;

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        die("linux_files: %s: %s", path, strerror(errno));
    close(file);
}

static void show_file(const char *path)
{
    char text[200];
    int file = open(path, O_RDONLY);
    ssize_t bytes = file < 0 ? -1 : read(file, text, sizeof text - 1);

    if (bytes < 0) {
        printf("%s: %s\n", path, strerror(errno));
    } else {
        text[bytes] = 0;
        printf("%s: %zd \"%s\"\n", path, bytes, text);
    }
    if (file >= 0)
        close(file);
}

static void show_status(const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        printf("%s: %s\n", path, strerror(errno));
    else
        printf("%s: mode %o size %ld links %lu\n", path, status.st_mode,
               S_ISDIR(status.st_mode) ? 0 : (long)status.st_size, (unsigned long)status.st_nlink);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    DIR *directory = opendir(path);
    char *names[64];
    size_t count = 0;

    printf("list %s:", path);
    if (!directory) {
        printf(" %s\n", strerror(errno));
        return;
    }
    for (struct dirent *entry; count < 64 && (entry = readdir(directory)) != NULL;)
        if (asprintf(&names[count], "%s/%d", entry->d_name, entry->d_type) > 0)
            count++;
    closedir(directory);
    qsort(names, count, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

/* ---- Parts ---- */

static void opening(void)
{
    int file;

    SHOW(open("none", O_RDONLY));
    SHOW(open("", O_RDONLY));
    SHOW(open("none/none", O_RDONLY | O_CREAT, 0644));
    SHOW(open(".", O_WRONLY));
    SHOW(open(".", O_RDWR | O_CREAT, 0644));
    SHOW(file = open("new", O_RDWR | O_CREAT | O_EXCL, 0666));
    SHOW(fcntl(file, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT | O_EXCL));
    SHOW(open("new", O_RDWR | O_CREAT | O_EXCL, 0666));
    SHOW(open("new", O_RDONLY | O_DIRECTORY));
    SHOW(open("new/", O_RDONLY));
    SHOW(open("new/below", O_RDONLY));
    SHOW(open("made/", O_RDWR | O_CREAT, 0644));
    show_status("new");
    SHOW(write(file, "0123456789", 10));
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(close(file));
    SHOW(close(file));
    SHOW(file = open("new", O_RDONLY));
    SHOW(write(file, "x", 1));
    SHOW(ftruncate(file, 0));
    SHOW(close(file));
    SHOW(file = open("new", O_WRONLY | O_TRUNC));
    char byte;
    SHOW(read(file, &byte, 1));
    SHOW(close(file));
    show_status("new");
    SHOW(open(nowhere, O_RDONLY));
    SHOW(open("/proc/self/exe", O_RDWR));
    SHOW(truncate("/proc/self/exe", 0));
    char long_name[5000];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    SHOW(open(long_name, O_RDONLY));
    SHOW(unlink("new"));
}

static void moving(void)
{
    int file = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644);
    char buffer[64] = { 0 };
    struct iovec parts[3] = { { "abc", 3 }, { NULL, 0 }, { "defgh", 5 } };

    SHOW(writev(file, parts, 3));
    SHOW(pwrite(file, "XY", 2, 2));
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(pread(file, buffer, sizeof buffer, 1));
    printf("%s\n", buffer);
    SHOW(lseek(file, -3, SEEK_END));
    SHOW(read(file, buffer, sizeof buffer));
    SHOW(read(file, buffer, sizeof buffer));
    SHOW(lseek(file, -1, SEEK_SET));
    SHOW(lseek(file, 5, 99));
    SHOW(lseek(file, 20, SEEK_SET));
    SHOW(write(file, "end", 3));
    show_status("data");
    SHOW(pread(file, buffer, 23, 0));
    SHOW(buffer[8] | buffer[19]);
    SHOW(lseek(file, 3, SEEK_DATA) >= 3);
    SHOW(lseek(file, 23, SEEK_DATA));
    SHOW(lseek(file, 100, SEEK_HOLE));
    SHOW(lseek(file, 22, SEEK_HOLE));
    SHOW(lseek(file, 0, SEEK_SET));
    SHOW(read(file, nowhere, 4));
    SHOW(write(file, nowhere, 4));
    SHOW(pread(file, buffer, 4, -1));
    SHOW(writev(file, parts, minus_one));
    SHOW(writev(file, parts, too_many));
    parts[2].iov_len = (size_t)minus_one;
    SHOW(writev(file, parts, 3)); /* nothing is written, and nothing read, when a part is wrong */
    SHOW(readv(file, parts, 3));
    parts[2] = (struct iovec){ upper_half, 1 };
    SHOW(writev(file, parts, 3));
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(read(file, buffer, (size_t)minus_one));
    SHOW(write(file, buffer, (size_t)minus_one));
    SHOW(pread(file, buffer, (size_t)minus_one, 0));
    SHOW(syscall(SYS_getrandom, buffer, 1, 8));
    SHOW(syscall(SYS_getrandom, buffer, 1, 6));
    SHOW(ftruncate(file, 5));
    SHOW(ftruncate(file, -1));
    show_file("data");
    SHOW(truncate("data", 7));
    SHOW(lseek(file, 0, SEEK_END));
    SHOW(truncate("none", 7));
    SHOW(truncate(".", 7));
    SHOW(fsync(file));
    SHOW(fdatasync(file));
    SHOW(posix_fallocate(file, 0, 100));
    show_status("data");
    SHOW(close(file));
    SHOW(file = open("data", O_WRONLY | O_APPEND | O_TRUNC));
    SHOW(write(file, "one", 3));
    SHOW(lseek(file, 0, SEEK_SET));
    SHOW(write(file, "two", 3));
    SHOW(pwrite(file, "three", 5, 0)); /* Linux appends here too: BUGS of pwrite(2) */
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(close(file));
    show_file("data");
    SHOW(unlink("data"));
}

static void naming(void)
{
    char path[300];
    int directory, file;

    SHOW(mkdir("d", 0755));
    SHOW(mkdir("d", 0755));
    SHOW(mkdir("d/e/f", 0755));
    SHOW(mkdir("d/e/", 0700));
    SHOW(directory = open("d", O_RDONLY | O_DIRECTORY));
    SHOW(file = openat(directory, "inside", O_RDWR | O_CREAT, 0600));
    SHOW(write(file, "inside", 6));
    SHOW(openat(file, "x", O_RDONLY));
    list("d");
    SHOW(rmdir("d"));
    SHOW(rmdir("d/inside"));
    SHOW(rmdir("d/."));
    SHOW(rmdir("d/e/.."));
    SHOW(unlink("d"));
    SHOW(unlink("none"));
    SHOW(rename("d/inside", "moved"));
    SHOW(rename("d", "d/e/d"));
    SHOW(rename("moved", "d"));
    SHOW(rename("d", "moved"));
    SHOW(rename("moved", "moved"));
    SHOW(rename("none", "moved"));
    put("other", "other");
    SHOW(syscall(SYS_renameat2, AT_FDCWD, "moved", AT_FDCWD, "other", 1));
    SHOW(rename("moved", "other"));
    show_file("other");
    SHOW(rename("other", "d/e/third"));
    SHOW(rename("d/e", "up"));
    show_file("up/third");
    SHOW(mkdir("empty", 0755));
    SHOW(rename("empty", "up"));
    SHOW(rename("up", "empty"));
    list("empty");
    SHOW(fstatat(directory, "../empty/third", &(struct stat){ 0 }, 0));
    SHOW(chdir("empty"));
    SHOW(getcwd(path, sizeof path) != NULL);
    SHOW(strcmp(strrchr(path, '/'), "/empty"));
    SHOW(getcwd(path, 3) != NULL);
    show_file("third");
    SHOW(fchdir(directory));
    SHOW(fchdir(file));
    SHOW(chdir("../empty/third"));
    SHOW(chdir(".."));
    SHOW(unlinkat(AT_FDCWD, "empty/third", 0));
    /* Open, but without a name. */
    SHOW(pread(file, path, 6, 0));
    struct stat status;
    SHOW(fstat(file, &status));
    SHOW(status.st_nlink);
    SHOW(close(file));
    SHOW(unlinkat(AT_FDCWD, "empty", 0));
    SHOW(unlinkat(AT_FDCWD, "empty", AT_REMOVEDIR));
    SHOW(close(directory));
    SHOW(rmdir("d"));
    SHOW(rmdir("/"));
    list(".");
}

static void linking(void)
{
    char text[100] = { 0 };

    put("target", "target\n");
    SHOW(symlink("target", "link"));
    SHOW(symlink("target", "link"));
    SHOW(symlink("", "nothing"));
    SHOW(symlink("none", "dangling"));
    SHOW(symlink("loop2", "loop1"));
    SHOW(symlink("loop1", "loop2"));
    SHOW(readlink("link", text, sizeof text));
    printf("%s\n", text);
    SHOW(readlink("link", text, 3));
    SHOW(readlink("target", text, sizeof text));
    SHOW(readlink("none", text, sizeof text));
    show_status("link");
    show_file("link");
    SHOW(open("link", O_RDONLY | O_NOFOLLOW));
    SHOW(open("dangling", O_RDONLY));
    SHOW(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
    SHOW(open("loop1", O_RDONLY));
    SHOW(close(open("dangling", O_RDWR | O_CREAT, 0644)));
    show_status("none");
    SHOW(mkdir("sub", 0755));
    SHOW(symlink("../sub", "sub/self"));
    SHOW(symlink("sub/self/self", "deep"));
    put("sub/self/self/file", "deep\n");
    show_file("deep/file");
    show_file("deep/../target");
    list("sub");
    SHOW(unlink("deep/"));
    SHOW(unlink("deep"));
    SHOW(unlink("sub/self"));
    SHOW(unlink("sub/file"));
    SHOW(rmdir("sub"));
    SHOW(rename("link", "link2"));
    show_status("link2");
    SHOW(unlink("link2") | unlink("dangling") | unlink("loop1") | unlink("loop2") | unlink("none") | unlink("target"));
    list(".");
}

static void describing(void)
{
    struct stat status;
    struct timespec times[2] = { { 1000, 0 }, { 2000, 0 } };
    mode_t mask = umask(027);

    printf("mask %o\n", mask);
    put("f", "12345");
    SHOW(chmod("f", 0600));
    show_status("f");
    SHOW(access("f", R_OK | W_OK));
    SHOW(access("f", X_OK));
    SHOW(access("f", 9));
    SHOW(access(".", X_OK));
    SHOW(access("none", F_OK));
    SHOW(chmod("f", 0755));
    SHOW(access("f", X_OK));
    SHOW(chmod("none", 0755));
    SHOW(chown("f", 0, 0));
    SHOW(utimensat(AT_FDCWD, "f", times, 0));
    SHOW(stat("f", &status));
    SHOW(status.st_mtime);
    times[1].tv_nsec = UTIME_OMIT;
    SHOW(utimensat(AT_FDCWD, "f", times, 0));
    SHOW(stat("f", &status));
    SHOW(status.st_mtime);
    times[1].tv_nsec = 1000000000;
    SHOW(utimensat(AT_FDCWD, "f", times, 0));
    SHOW(mkdir("m", 0777));
    show_status("m");
    SHOW(rmdir("m"));
    SHOW(unlink("f"));
    umask(mask);
    struct statfs statfs_;
    SHOW(statfs(".", &statfs_));
    SHOW(statfs("none", &statfs_));
}

static void descriptors(void)
{
    int file, other;
    char byte;

    put("f", "abcdef");
    file = open("f", O_RDWR);
    SHOW(other = dup(file));
    SHOW(read(file, &byte, 1));
    SHOW(lseek(other, 0, SEEK_CUR));
    SHOW(dup2(file, 20));
    SHOW(dup2(file, file) == file);
    SHOW(dup3(file, file, 0));
    SHOW(dup2(99, 21));
    SHOW(dup2(file, 100000));
    SHOW(dup(-1));
    SHOW(fcntl(file, F_DUPFD, 30));
    SHOW(fcntl(file, F_DUPFD_CLOEXEC, 30));
    SHOW(fcntl(30, F_GETFD));
    SHOW(fcntl(31, F_GETFD));
    SHOW(fcntl(30, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(30, F_GETFD));
    SHOW(fcntl(file, F_SETFL, O_APPEND | O_RDONLY));
    SHOW(fcntl(other, F_GETFL) & (O_ACCMODE | O_APPEND));
    SHOW(fcntl(file, 9999));
    SHOW(fcntl(-1, F_GETFL));
    SHOW(ioctl(file, TIOCGWINSZ, &byte));
    SHOW(isatty(file));
    SHOW(close(other) | close(20) | close(30) | close(31));
    SHOW(close(file));
    SHOW(unlink("f"));
}

static void copying(void)
{
    int from, to;
    off_t offset = 2;
    char text[64] = { 0 };

    put("from", "0123456789abcdef");
    from = open("from", O_RDONLY);
    to = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644);
    SHOW(sendfile(to, from, &offset, 5));
    SHOW(offset);
    SHOW(lseek(from, 0, SEEK_CUR));
    SHOW(sendfile(to, from, NULL, 100));
    SHOW(sendfile(to, from, NULL, 100));
    SHOW(lseek(from, 0, SEEK_CUR));
    SHOW(pread(to, text, sizeof text, 0));
    printf("%s\n", text);
    loff_t in = 4, out = 1;
    SHOW(copy_file_range(from, &in, to, &out, 3, 0));
    SHOW(in);
    SHOW(out);
    SHOW(copy_file_range(from, &in, to, &out, 3, 1));
    SHOW(copy_file_range(to, &(loff_t){ 0 }, to, &(loff_t){ 2 }, 5, 0));
    SHOW(copy_file_range(from, &(loff_t){ 1 }, to, &(loff_t){ 0 }, (size_t)-1, 0));
    SHOW(copy_file_range(from, &(loff_t){ 0 }, to, &(loff_t){ 1 }, (size_t)-1, 0));
    SHOW(pread(to, text, sizeof text, 0));
    printf("%s\n", text);
    SHOW(sendfile(from, to, NULL, 1));
    SHOW(fcntl(to, F_SETFL, O_APPEND));
    SHOW(sendfile(to, from, &offset, 1));
    SHOW(offset);
    SHOW(close(from) | close(to) | unlink("from") | unlink("to"));
}

/* What a child is told about a lock that its parent has, or not. */
static void child_locks(const char *what, int type, off_t start, off_t bytes)
{
    fflush(stdout);
    pid_t id = fork();

    if (id == 0) {
        int file = open("lock", O_RDWR);
        struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes };
        int set = fcntl(file, F_SETLK, &lock), error = errno;

        lock = (struct flock){ .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes };
        fcntl(file, F_GETLK, &lock);
        printf("%s: %d %s; type %d start %ld len %ld mine %d\n", what, set, set ? strerror(error) : "", lock.l_type,
               lock.l_type == F_UNLCK ? 0 : (long)lock.l_start, lock.l_type == F_UNLCK ? 0 : (long)lock.l_len,
               lock.l_type == F_UNLCK ? 0 : lock.l_pid == getppid());
        fflush(stdout);
        _exit(0);
    }
    waitpid(id, NULL, 0);
}

static int lock(int file, int command, int type, off_t start, off_t bytes)
{
    struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes };

    return fcntl(file, command, &lock);
}

static void locking(void)
{
    int file = open("lock", O_RDWR | O_CREAT, 0644), other;

    SHOW(lock(file, F_SETLK, F_WRLCK, 10, 20));
    child_locks("inside", F_RDLCK, 15, 1);
    child_locks("before", F_WRLCK, 0, 10);
    child_locks("over", F_WRLCK, 0, 0);
    SHOW(lock(file, F_SETLK, F_UNLCK, 15, 5));
    child_locks("middle", F_WRLCK, 15, 5);
    child_locks("left", F_WRLCK, 14, 1);
    child_locks("right", F_WRLCK, 20, 1);
    SHOW(lock(file, F_SETLK, F_RDLCK, 10, 5));
    child_locks("read", F_RDLCK, 10, 5);
    child_locks("write", F_WRLCK, 10, 5);
    SHOW(lock(file, F_SETLK, 7, 0, 1));
    SHOW(lock(file, F_SETLK, F_RDLCK, -5, 1));
    SHOW(other = open("lock", O_RDONLY));
    SHOW(lock(other, F_SETLK, F_WRLCK, 0, 1));
    SHOW(close(other)); /* all of this process's locks go with it */
    child_locks("after close", F_WRLCK, 0, 0);
    SHOW(lock(file, 37 /* F_OFD_SETLK */, F_WRLCK, 0, 5));
    child_locks("of a file", F_WRLCK, 0, 1);
    SHOW(other = open("lock", O_RDWR));
    SHOW(lock(other, 37, F_WRLCK, 4, 2));
    SHOW(flock(file, LOCK_EX));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(file, LOCK_SH));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(file, LOCK_UN));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    SHOW(flock(other, 77));
    SHOW(close(file));
    SHOW(lock(other, 37, F_WRLCK, 4, 2));
    SHOW(close(other));
    SHOW(unlink("lock"));
}

static void mapping(const char *path, int file)
{
    char byte = 0;
    char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    printf("map %s\n", path);
    SHOW(at != MAP_FAILED);
    SHOW(ftruncate(file, 5000));
    at[100] = 'm';
    SHOW(pread(file, &byte, 1, 100));
    SHOW(byte);
    SHOW(pwrite(file, "w", 1, 200));
    SHOW(at[200]);
    SHOW(at[4999] | at[8191]);
    SHOW(msync(at, 8192, MS_SYNC));
    SHOW(ftruncate(file, 150));
    SHOW(ftruncate(file, 4096));
    SHOW(at[100]);
    SHOW(at[200]);
    SHOW(munmap(at, 8192));
    SHOW(mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 100) == MAP_FAILED);
    SHOW(close(file));
}

static sigjmp_buf back;
static volatile int fault_code;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    fault_code = number * 100 + info->si_code;
    siglongjmp(back, 1);
}

static void beyond_the_end(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    int file = open("short", O_RDWR | O_CREAT, 0644);
    volatile char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    sigaction(SIGBUS, &action, NULL);
    SHOW(ftruncate(file, 10));
    SHOW(at[4000]);
    if (sigsetjmp(back, 1) == 0)
        at[4096] = 1;
    SHOW(fault_code);
    SHOW(ftruncate(file, 0));
    fault_code = 0;
    if (sigsetjmp(back, 1) == 0)
        (void)at[0];
    SHOW(fault_code);
    signal(SIGBUS, SIG_DFL);
    munmap((void *)(uintptr_t)at, 8192);
    SHOW(close(file) | unlink("short"));
}

static void memory_files(void)
{
    int file;

    SHOW(file = memfd_create("name", 0));
    SHOW(lseek(file, 0, SEEK_END));
    mapping("memfd", file);
    SHOW(memfd_create("name", 0x8000));
    SHOW(file = memfd_create("name", MFD_CLOEXEC));
    SHOW(fcntl(file, F_GETFD));
    SHOW(close(file));
}

static void devices(void)
{
    char bytes[16] = "xxxxxxxxxxxxxxx";
    struct stat status;
    int file;

    SHOW(file = open("/dev/null", O_RDWR));
    SHOW(read(file, bytes, 4));
    SHOW(write(file, bytes, 4));
    SHOW(close(file));
    SHOW(file = open("/dev/zero", O_RDWR));
    SHOW(read(file, bytes, 4));
    SHOW(bytes[0] | bytes[3]);
    SHOW(bytes[4]);
    char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    SHOW(at != MAP_FAILED);
    SHOW(at[5]);
    munmap(at, 4096);
    SHOW(close(file));
    SHOW(file = open("/dev/full", O_RDWR));
    SHOW(write(file, bytes, 4));
    SHOW(close(file));
    SHOW(file = open("/dev/urandom", O_RDONLY));
    SHOW(read(file, bytes, sizeof bytes));
    SHOW(close(file));
    SHOW(stat("/dev/null", &status));
    printf("mode %o rdev %lx\n", status.st_mode, (unsigned long)status.st_rdev);
    SHOW(access("/dev/shm", W_OK));
    SHOW(open("/dev/none", O_RDONLY));
}

int main(int count, char **arguments)
{
    if (count < 2 || (mkdir(arguments[1], 0755) != 0 && errno != EEXIST) || chdir(arguments[1]) != 0)
        die("linux_files: needs a directory to work in");
    umask(022);
    opening();
    moving();
    naming();
    linking();
    describing();
    descriptors();
    copying();
    locking();
    mapping("file", open("mapped", O_RDWR | O_CREAT, 0644));
    SHOW(unlink("mapped"));
    beyond_the_end();
    memory_files();
    devices();
    list(".");
    return 0;
}
