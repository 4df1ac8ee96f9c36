/* Raw disk images by pread and pwrite, with an optional overlay in memory.
 *
 * Nothing is written to a file before its format was looked at: an image of another format that is
 * taken for a raw one is an image lost. Sizes never change while a disk is open. */
#define _GNU_SOURCE /* fallocate() */
#include "devices/core/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "bios/images.h"

#define CLUSTER         BLK_CLUSTER
#define CLUSTER_SECTORS (CLUSTER / BLK_SECTOR)
#define DISKETTE        (1440 * 1024)
#define GROUP           4096u /* clusters in a group of the overlay, 256 MiB */

struct blk {
    int fd;
    u64 sectors;
    u64 bytes; /* of the file; the last sector may be short */
    unsigned mode;
    u8 ***group; /* snapshot: the overlay, groups of clusters, NULL where the file still shows */
    u8 *zeros;   /* stands in it for every cluster that is all zeros */
    struct blk_log *log;
    const struct blk_watch *watch; /* or NULL */
    char *path;
    unsigned holders;
    bool used; /* not closed */
};

const struct field blk_log_fields[] = {
    FIELD(struct blk_log, writes),
    FIELD(struct blk_log, digest),
    FIELD_END,
};

/* ---- opening ---- */

/* What other formats begin with. */
static const struct {
    const char *format;
    u32 offset, size;
    const char *magic;
} other_formats[] = {
    {"qcow2", 0, 4, "QFI\xfb"},
    {"QED", 0, 4, "QED\0"},
    {"VMDK", 0, 4, "KDMV"},
    {"VMDK", 0, 4, "COWD"},
    {"VMDK", 0, 21, "# Disk DescriptorFile"},
    {"VDI", 64, 4, "\x7f\x10\xda\xbe"},
    {"VHD", 0, 8, "conectix"},
    {"VHDX", 0, 8, "vhdxfile"},
    {"a CD-ROM with 2352 bytes a sector", 0, 12, "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"},
};

/* The format that the file is in if it is none of raw sectors, or NULL. */
static const char *other_format(int fd)
{
    u8 head[128] = {0};

    if (pread(fd, head, sizeof(head), 0) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(other_formats); i++) {
        if (!memcmp(head + other_formats[i].offset, other_formats[i].magic, other_formats[i].size))
            return other_formats[i].format;
    }
    return NULL;
}

static bool refuse(const char *path, const char *why, char *err, size_t err_size)
{
    snprintf(err, err_size, "disk image '%s': %s", path, why);
    return false;
}

/* Looks at an open file; sets *size. */
static bool check_file(int fd, const char *path, unsigned mode, u64 *size, char *err,
                       size_t err_size)
{
    struct stat st;
    const char *format;
    char why[80];

    if (fstat(fd, &st))
        return refuse(path, strerror(errno), err, err_size);
    if (S_ISDIR(st.st_mode))
        return refuse(path, "is a directory", err, err_size);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return refuse(path, "is neither a file nor a block device", err, err_size);
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return refuse(path, strerror(errno), err, err_size);
    if (!end)
        return refuse(path, "is empty", err, err_size);
    format = mode & BLK_RAW ? NULL : other_format(fd);
    if (format) {
        snprintf(why, sizeof(why), "not a raw image (it is %s)", format);
        return refuse(path, why, err, err_size);
    }
    *size = (u64)end;
    return true;
}

static bool same_file(int a, int b)
{
    struct stat sa, sb;
    return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Replaces a descriptor for reading by one for writing, of the same file. Returns -1 with errno. */
static int reopen_for_writing(int fd, const char *path)
{
    int rw = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (rw >= 0 && !same_file(fd, rw)) {
        close(rw);
        rw = -1;
        errno = ESTALE;
    }
    close(fd);
    return rw;
}

static bool is_demo(const char *path)
{
    return !strcmp(path, BLK_DEMO);
}

/* The demonstration as a file of the size of a diskette, in memory: each who opens it has his own.
 * -1 with errno. */
static int open_demo(void)
{
    int fd = memfd_create("orrery-demo", MFD_CLOEXEC);

    if (fd >= 0 && (ftruncate(fd, DISKETTE) ||
                    pwrite(fd, demo_image, demo_image_size, 0) != (ssize_t)demo_image_size)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A descriptor for the checked and locked file, or -1 and err. */
static int open_image(const char *path, unsigned mode, u64 *size, char *err, size_t err_size)
{
    bool shared = mode & (BLK_SNAPSHOT | BLK_READONLY);
    int fd = is_demo(path)
                 ? open_demo()
                 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop us */

    if (fd < 0) {
        refuse(path, strerror(errno), err, err_size);
        return -1;
    }
    if (!check_file(fd, path, mode, size, err, err_size)) {
        close(fd);
        return -1;
    }
    if (!shared && !is_demo(path)) {
        fd = reopen_for_writing(fd, path);
        if (fd < 0) {
            snprintf(err, err_size, "disk image '%s': cannot be opened for writing: %s", path,
                     strerror(errno));
            return -1;
        }
    }
    if (mode & BLK_UNLOCKED)
        return fd;
    if (flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) && errno == EWOULDBLOCK) {
        refuse(path, "is in use by another machine or drive", err, err_size);
        close(fd);
        return -1;
    }
    return fd;
}

static u64 group_count(const struct blk *b)
{
    return b->sectors / CLUSTER_SECTORS / GROUP + 1;
}

struct blk *blk_open(const char *path, unsigned mode, char *err, size_t err_size)
{
    u64 size = 0;
    int fd = open_image(path, mode, &size, err, err_size);
    struct blk *b;

    if (fd < 0)
        return NULL;
    b = calloc(1, sizeof(*b));
    CHECK(b, "out of memory");
    b->fd = fd;
    b->sectors = (size + BLK_SECTOR - 1) / BLK_SECTOR;
    b->bytes = size;
    b->mode = mode;
    b->path = strdup(path);
    b->used = true;
    CHECK(b->path, "out of memory");
    if (mode & BLK_SNAPSHOT) {
        b->group = calloc(group_count(b), sizeof(*b->group));
        b->zeros = calloc(1, CLUSTER);
        CHECK(b->group && b->zeros, "out of memory");
    }
    return b;
}

static void free_group(const struct blk *b, u8 **group)
{
    for (u32 i = 0; group && i < GROUP; i++) {
        if (group[i] != b->zeros)
            free(group[i]);
    }
    free(group);
}

static void destroy(struct blk *b)
{
    for (u64 i = 0; b->group && i < group_count(b); i++)
        free_group(b, b->group[i]);
    free(b->group);
    free(b->zeros);
    close(b->fd);
    free(b->path);
    free(b);
}

static void destroy_unneeded(struct blk *b)
{
    if (!b->used && !b->holders)
        destroy(b);
}

void blk_close(struct blk *b)
{
    if (!b)
        return;
    b->used = false;
    b->log = NULL;
    flock(b->fd, LOCK_UN);
    destroy_unneeded(b);
}

void blk_hold(struct blk *b)
{
    b->holders++;
}

void blk_release(struct blk *b)
{
    b->holders--;
    destroy_unneeded(b);
}

struct blk *blk_reuse(struct blk *b)
{
    CHECK(b->holders && !b->used, "a disk in two drives");
    b->used = true;
    if (!(b->mode & BLK_UNLOCKED))
        flock(b->fd, (b->mode & (BLK_SNAPSHOT | BLK_READONLY) ? LOCK_SH : LOCK_EX) | LOCK_NB);
    return b;
}

const char *blk_path(const struct blk *b)
{
    return b->path;
}

void blk_attach(struct blk *b, struct blk_log *log)
{
    b->log = log;
}

u64 blk_sectors(const struct blk *b)
{
    return b->sectors;
}

bool blk_is_writable(const struct blk *b)
{
    return !(b->mode & BLK_READONLY);
}

void blk_set_watch(struct blk *b, const struct blk_watch *watch)
{
    b->watch = watch;
}

bool blk_is_attached(const struct blk *b)
{
    return b->log;
}

bool blk_is_file(const struct blk *b, const char *path)
{
    struct stat ours, other;
    return !fstat(b->fd, &ours) && !stat(path, &other) && ours.st_dev == other.st_dev &&
           ours.st_ino == other.st_ino;
}

/* ---- transfers ---- */

static bool in_range(const struct blk *b, u64 sector, u32 count)
{
    return sector <= b->sectors && count <= b->sectors - sector;
}

static bool file_read(const struct blk *b, u64 offset, u8 *buf, size_t len)
{
    if (offset + len > b->bytes) { /* in the last sector */
        size_t there = (size_t)(b->bytes - offset);
        memset(buf + there, 0, len - there);
        len = there;
    }
    while (len) {
        ssize_t n = pread(b->fd, buf, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* 0: somebody cut the file short */
            return false;
        buf += n;
        offset += (u64)n;
        len -= (size_t)n;
    }
    return true;
}

static bool file_write(struct blk *b, u64 offset, const u8 *buf, size_t len)
{
    while (len) {
        ssize_t n = pwrite(b->fd, buf, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        buf += n;
        offset += (u64)n;
        len -= (size_t)n;
    }
    if (b->bytes < offset)
        b->bytes = offset;
    return true;
}

/* The part of a transfer that lies in the cluster of its first sector. */
static u32 within_cluster(u64 sector, u32 count)
{
    u32 room = CLUSTER_SECTORS - (u32)(sector % CLUSTER_SECTORS);
    return count < room ? count : room;
}

/* The overlay's cluster with this number, NULL where there is none. */
static u8 *find_cluster(const struct blk *b, u64 number)
{
    u8 **group = b->group ? b->group[number / GROUP] : NULL;
    return group ? group[number % GROUP] : NULL;
}

/* How many of `count` sectors from `sector` on come from the file in one piece. */
static u32 file_run(const struct blk *b, u64 sector, u32 count)
{
    u32 run = 0;

    if (!b->group)
        return count;
    while (run < count && !find_cluster(b, (sector + run) / CLUSTER_SECTORS))
        run += within_cluster(sector + run, count - run);
    return run;
}

bool blk_read(struct blk *b, u64 sector, void *buf, u32 count)
{
    u8 *out = buf;

    if (!in_range(b, sector, count))
        return false;
    while (count) {
        u32 n = file_run(b, sector, count);
        if (n) {
            if (!file_read(b, sector * BLK_SECTOR, out, (size_t)n * BLK_SECTOR))
                return false;
        } else {
            n = within_cluster(sector, count);
            memcpy(out,
                   find_cluster(b, sector / CLUSTER_SECTORS) +
                       sector % CLUSTER_SECTORS * BLK_SECTOR,
                   (size_t)n * BLK_SECTOR);
        }
        sector += n;
        count -= n;
        out += (size_t)n * BLK_SECTOR;
    }
    return true;
}

/* Where the overlay keeps the cluster with this number; NULL if the host has no memory. */
static u8 **cluster_slot(struct blk *b, u64 number)
{
    u8 ***group = &b->group[number / GROUP];

    if (!*group)
        *group = calloc(GROUP, sizeof(**group));
    return *group ? &(*group)[number % GROUP] : NULL;
}

/* The overlay's cluster with this number, made from the file's contents on the first write. */
static u8 *own_cluster(struct blk *b, u64 number)
{
    u64 first = number * CLUSTER_SECTORS, left = b->sectors - first;
    size_t size = (size_t)(left < CLUSTER_SECTORS ? left : CLUSTER_SECTORS) * BLK_SECTOR;
    u8 **slot = cluster_slot(b, number), *data;

    if (!slot)
        return NULL;
    if (*slot && *slot != b->zeros)
        return *slot;
    data = *slot ? calloc(1, CLUSTER) : malloc(CLUSTER);
    if (!data || (!*slot && !file_read(b, first * BLK_SECTOR, data, size))) {
        free(data);
        return NULL;
    }
    *slot = data;
    return data;
}

static bool overlay_write(struct blk *b, u64 sector, const u8 *buf, u32 count)
{
    while (count) {
        u32 n = within_cluster(sector, count);
        u8 *data = own_cluster(b, sector / CLUSTER_SECTORS);
        if (!data)
            return false;
        memcpy(data + sector % CLUSTER_SECTORS * BLK_SECTOR, buf, (size_t)n * BLK_SECTOR);
        sector += n;
        count -= n;
        buf += (size_t)n * BLK_SECTOR;
    }
    return true;
}

static bool overlay_zero(struct blk *b, u64 sector, u32 count)
{
    while (count) {
        u32 n = within_cluster(sector, count);
        bool whole = n == CLUSTER_SECTORS;
        u8 **slot = cluster_slot(b, sector / CLUSTER_SECTORS);
        u8 *data = whole ? NULL : own_cluster(b, sector / CLUSTER_SECTORS);
        if (!slot || (!whole && !data))
            return false;
        if (whole && *slot != b->zeros) {
            free(*slot);
            *slot = b->zeros;
        } else if (data) {
            memset(data + sector % CLUSTER_SECTORS * BLK_SECTOR, 0, (size_t)n * BLK_SECTOR);
        }
        sector += n;
        count -= n;
    }
    return true;
}

static bool file_zero(struct blk *b, u64 offset, u64 len)
{
    static const u8 zeros[4096];

#ifdef FALLOC_FL_PUNCH_HOLE
    if (!fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len))
        return true;
#endif
    while (len) {
        size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
        if (!file_write(b, offset, zeros, n))
            return false;
        offset += n;
        len -= n;
    }
    return true;
}

static void log_write(struct blk_log *log, u64 sector, const void *buf, size_t len)
{
    struct hash h;

    hash_init(&h);
    hash_u64(&h, log->digest);
    hash_u64(&h, sector);
    hash_bytes(&h, buf, len);
    log->digest = hash_value(&h);
    log->writes++;
}

static void tell_watch(struct blk *b, u64 sector, u32 count)
{
    if (b->watch)
        b->watch->overwrite(b->watch->opaque, b, sector, count);
}

bool blk_put(struct blk *b, u64 sector, const void *buf, u32 count)
{
    if (b->mode & BLK_READONLY || !in_range(b, sector, count))
        return false;
    if (b->group)
        return overlay_write(b, sector, buf, count);
    return file_write(b, sector * BLK_SECTOR, buf, (size_t)count * BLK_SECTOR);
}

bool blk_write(struct blk *b, u64 sector, const void *buf, u32 count)
{
    size_t len = (size_t)count * BLK_SECTOR;

    if (b->mode & BLK_READONLY || !in_range(b, sector, count))
        return false;
    tell_watch(b, sector, count);
    if (!blk_put(b, sector, buf, count))
        return false;
    if (b->log)
        log_write(b->log, sector, buf, len);
    return true;
}

bool blk_zero(struct blk *b, u64 sector, u32 count)
{
    u8 length[4];

    if (b->mode & BLK_READONLY || !in_range(b, sector, count))
        return false;
    if (!count)
        return true;
    tell_watch(b, sector, count);
    if (b->group ? !overlay_zero(b, sector, count)
                 : !file_zero(b, sector * BLK_SECTOR, (u64)count * BLK_SECTOR))
        return false;
    store_le(length, 4, count);
    if (b->log)
        log_write(b->log, sector, length, sizeof(length));
    return true;
}

bool blk_in_overlay(const struct blk *b, u64 cluster)
{
    return b->group && cluster < b->sectors / CLUSTER_SECTORS + 1 && find_cluster(b, cluster);
}

void blk_drop_overlay(struct blk *b)
{
    for (u64 i = 0; b->group && i < group_count(b); i++) {
        free_group(b, b->group[i]);
        b->group[i] = NULL;
    }
}

unsigned blk_mode(const struct blk *b)
{
    return b->mode & (BLK_SNAPSHOT | BLK_READONLY);
}

bool blk_flush(struct blk *b)
{
    return b->mode & (BLK_SNAPSHOT | BLK_READONLY) || !fdatasync(b->fd);
}

/* ---- contents as a whole ---- */

/* Where the file's next stored bytes are, or its end. */
static u64 next_data(const struct blk *b, u64 offset)
{
#ifdef SEEK_DATA
    off_t at = lseek(b->fd, (off_t)offset, SEEK_DATA);

    if (at >= 0)
        return (u64)at;
    if (errno == ENXIO)
        return b->bytes;
#endif
    return offset;
}

bool blk_is_hole(const struct blk *b, u64 sector, u32 count)
{
    while (count) {
        u32 n = within_cluster(sector, count);
        const u8 *data = find_cluster(b, sector / CLUSTER_SECTORS);

        if (data ? data != b->zeros : next_data(b, sector * BLK_SECTOR) < (sector + n) * BLK_SECTOR)
            return false;
        sector += n;
        count -= n;
    }
    return true;
}

u64 blk_stored(const struct blk *b)
{
    struct stat st;

    return fstat(b->fd, &st) || !S_ISREG(st.st_mode) ? b->bytes : (u64)st.st_blocks * 512;
}

/* Clusters of zeros count as little as those that are not stored: copies may differ in that. */
bool blk_checksum(struct blk *b, u64 *sum)
{
    static const u8 zeros[CLUSTER];
    u8 *buf = malloc(CLUSTER);
    u64 clusters = (b->sectors + CLUSTER_SECTORS - 1) / CLUSTER_SECTORS;
    struct hash h;
    bool ok = buf;

    hash_init(&h);
    hash_u64(&h, b->sectors);
    for (u64 c = 0; ok && c < clusters; c++) {
        u64 sector = c * CLUSTER_SECTORS, left = b->sectors - sector;
        u32 n = left < CLUSTER_SECTORS ? (u32)left : CLUSTER_SECTORS;
        if (!find_cluster(b, c)) { /* the next stored one */
            u64 at = next_data(b, sector * BLK_SECTOR);
            if (at >= (sector + n) * BLK_SECTOR) {
                c = at / CLUSTER > c ? at / CLUSTER - 1 : c; /* the last may be short */
                continue;
            }
        }
        ok = blk_read(b, sector, buf, n);
        if (!ok || !memcmp(buf, zeros, (size_t)n * BLK_SECTOR))
            continue;
        hash_u64(&h, c);
        hash_bytes(&h, buf, (size_t)n * BLK_SECTOR);
    }
    free(buf);
    *sum = hash_value(&h);
    return ok;
}
