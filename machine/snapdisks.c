/* Drives and disks in snapshot files. "MEDI": what is in a drive with removable media, by the name
 * of the drive and the path of the image. "DISK": a disk or medium, in the order of
 * machine_each_disk() with those media: how it is opened, its size, and a checksum of the file;
 * then, if writes go to memory, "DATA": clusters of that, of the disk before. */
#include "machine/snapfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CLUSTER_SECTORS (BLK_CLUSTER / BLK_SECTOR)
#define CLUSTERS_EACH   64u /* in a section */

static bool fail(char *err, size_t size, const char *what, const char *name, const char *why)
{
    snprintf(err, size, "%s '%s' %s", what, name, why);
    return false;
}

static u64 clusters(const struct blk *b)
{
    return (blk_sectors(b) + CLUSTER_SECTORS - 1) / CLUSTER_SECTORS;
}

static u32 cluster_sectors(const struct blk *b, u64 cluster)
{
    u64 left = blk_sectors(b) - cluster * CLUSTER_SECTORS;

    return left < CLUSTER_SECTORS ? (u32)left : CLUSTER_SECTORS;
}

/* Of the file alone. */
static bool file_checksum(struct blk *b, u64 *sum)
{
    char err[256];
    struct blk *below;
    bool ok;

    if (blk_mode(b) != BLK_SNAPSHOT)
        return blk_checksum(b, sum);
    below = blk_open(blk_path(b), BLK_READONLY | BLK_RAW | BLK_UNLOCKED, err, sizeof(err));
    ok = below && blk_checksum(below, sum);
    blk_close(below);
    return ok;
}

/* -- saving -- */

struct saving {
    struct snap_out *out;
    struct pack pack;
    struct blk *unreadable; /* or NULL */
};

static void save_clusters(struct saving *s, struct blk *b)
{
    u8 *buf = malloc(BLK_CLUSTER);
    unsigned count = 0;

    s->pack.failed |= !buf;
    for (u64 c = 0; buf && c < clusters(b); c++) {
        u32 n = cluster_sectors(b, c);
        if (!blk_in_overlay(b, c))
            continue;
        if (!blk_read(b, c * CLUSTER_SECTORS, buf, n))
            s->unreadable = b;
        pack_uint(&s->pack, c, 8);
        pack_bytes(&s->pack, buf, (size_t)n * BLK_SECTOR);
        if (++count % CLUSTERS_EACH == 0)
            snap_put(s->out, "DATA", &s->pack);
    }
    if (s->pack.len)
        snap_put(s->out, "DATA", &s->pack);
    free(buf);
}

static void save_disk(void *opaque, struct blk *b)
{
    struct saving *s = opaque;
    u64 sum = 0;

    if (!file_checksum(b, &sum))
        s->unreadable = b;
    pack_text(&s->pack, blk_path(b));
    pack_uint(&s->pack, blk_mode(b), 1);
    pack_uint(&s->pack, blk_sectors(b), 8);
    pack_uint(&s->pack, sum, 8);
    snap_put(s->out, "DISK", &s->pack);
    if (blk_mode(b) == BLK_SNAPSHOT)
        save_clusters(s, b);
}

bool snap_disks_save(struct orrery *o, struct snap_out *out, char *err, size_t size)
{
    struct saving s = {.out = out};
    struct medium *m;

    for (unsigned n = 0; (m = machine_medium(o, n)); n++) {
        struct blk *b = medium_now(m);
        pack_text(&s.pack, m->name);
        pack_uint(&s.pack, b != NULL, 1);
        pack_text(&s.pack, b ? blk_path(b) : "");
        snap_put(out, "MEDI", &s.pack);
    }
    machine_each_disk(o, save_disk, &s);
    if (s.pack.failed)
        out->failed = "out of memory";
    free(s.pack.data);
    return !s.unreadable || fail(err, size, "disk image", blk_path(s.unreadable), "cannot be read");
}

/* -- loading -- */

/* A drive, and what will be in it. */
struct slot {
    struct medium *medium;
    struct blk *blk;
    bool opened; /* for this, and not yet the drive's */
    bool named;  /* by the file */
};

struct cluster {
    struct cluster *next;
    u64 number;
    u8 data[BLK_CLUSTER];
};

struct disk {
    struct blk *blk;
    bool named;
    struct cluster *data;
};

struct snap_disks {
    struct orrery *o;
    struct slot slot[MAX_DRIVES];
    unsigned slots;
    struct disk disk[ORRERY_DISKS + MAX_DRIVES];
    unsigned disks, taken;
    bool listed;
};

struct snap_disks *snap_disks_new(struct orrery *o)
{
    struct snap_disks *d = calloc(1, sizeof(*d));
    struct medium *m;

    if (!d)
        return NULL;
    d->o = o;
    while (d->slots < MAX_DRIVES && (m = machine_medium(o, d->slots)))
        d->slot[d->slots++] = (struct slot){.medium = m, .blk = medium_now(m)};
    return d;
}

static bool take_medium(struct snap_disks *d, struct unpack *in, char *err, size_t size)
{
    const char *name = unpack_text(in);
    bool present = unpack_uint(in, 1);
    const char *path = unpack_text(in);
    struct slot *s = NULL;

    for (unsigned i = 0; i < d->slots; i++)
        if (!strcmp(d->slot[i].medium->name, name))
            s = &d->slot[i];
    if (!s || s->named || d->listed)
        return fail(err, size, "drive", name, "is none of this machine");
    s->named = true;
    if (!present) {
        s->blk = NULL;
    } else if (!s->blk || strcmp(blk_path(s->blk), path) != 0) {
        s->blk = blk_open(path, s->medium->mode, err, size);
        s->opened = s->blk;
        if (!s->blk)
            return false;
        if (s->medium->ops->accepts &&
            !s->medium->ops->accepts(s->medium->opaque, s->blk, path, err, size))
            return false;
    }
    return true;
}

/* The disks in the drives will be those; called with what is there now. */
static void list_disk(void *opaque, struct blk *b)
{
    struct snap_disks *d = opaque;

    for (unsigned i = 0; i < d->slots; i++)
        if (medium_now(d->slot[i].medium) == b)
            return;
    d->disk[d->disks++].blk = b;
}

static void list_disks(struct snap_disks *d)
{
    if (d->listed)
        return;
    d->listed = true;
    machine_each_disk(d->o, list_disk, d);
    for (unsigned i = 0; i < d->slots; i++)
        if (d->slot[i].blk)
            d->disk[d->disks++].blk = d->slot[i].blk;
}

/* The first one that has not been named, of this path: the order of drives may be another. */
static struct disk *find_disk(struct snap_disks *d, const char *path)
{
    for (unsigned i = 0; i < d->disks; i++)
        if (!d->disk[i].named && !strcmp(blk_path(d->disk[i].blk), path))
            return &d->disk[i];
    return NULL;
}

static bool take_disk(struct snap_disks *d, struct unpack *in, char *err, size_t size)
{
    const char *path = unpack_text(in);
    u64 mode = unpack_uint(in, 1), sectors = unpack_uint(in, 8), sum = unpack_uint(in, 8), is;
    struct disk *disk;

    list_disks(d);
    disk = find_disk(d, path);
    if (!disk)
        return fail(err, size, "disk image", path, "is in no drive of this machine");
    disk->named = true;
    d->taken = (unsigned)(disk - d->disk) + 1;
    if (mode != blk_mode(disk->blk))
        return fail(err, size, "disk image", path,
                    mode == BLK_SNAPSHOT ? "was opened with its writes to memory (-snapshot)"
                    : mode               ? "was opened for reading only"
                                         : "was opened for writing");
    if (sectors != blk_sectors(disk->blk))
        return fail(err, size, "disk image", path, "has another size than it had");
    if (!file_checksum(disk->blk, &is))
        return fail(err, size, "disk image", path, "cannot be read");
    return is == sum || fail(err, size, "disk image", path, "has other contents than it had");
}

static bool take_data(struct snap_disks *d, struct unpack *in, char *err, size_t size)
{
    struct disk *disk = d->taken ? &d->disk[d->taken - 1] : NULL;

    while (disk && blk_mode(disk->blk) == BLK_SNAPSHOT && in->at < in->end && !in->failed) {
        u64 number = unpack_uint(in, 8);
        size_t len = number < clusters(disk->blk)
                         ? (size_t)cluster_sectors(disk->blk, number) * BLK_SECTOR
                         : 0;
        const u8 *data = len ? unpack_bytes(in, len) : NULL;
        struct cluster *c = data ? calloc(1, sizeof(*c)) : NULL;

        if (!c)
            break;
        c->number = number;
        memcpy(c->data, data, len);
        c->next = disk->data;
        disk->data = c;
    }
    if (in->at == in->end && !in->failed)
        return true;
    snprintf(err, size, "what it says of disks makes no sense");
    return false;
}

bool snap_disks_take(struct snap_disks *d, const char *tag, struct unpack *in, char *err,
                     size_t size)
{
    bool ok = !strcmp(tag, "MEDI")   ? take_medium(d, in, err, size)
              : !strcmp(tag, "DISK") ? take_disk(d, in, err, size)
                                     : take_data(d, in, err, size);

    if (ok && (in->failed || in->at != in->end)) {
        snprintf(err, size, "what it says of disks makes no sense");
        return false;
    }
    return ok;
}

bool snap_disks_check(struct snap_disks *d, char *err, size_t size)
{
    list_disks(d);
    for (unsigned i = 0; i < d->slots; i++)
        if (!d->slot[i].named)
            return fail(err, size, "drive", d->slot[i].medium->name, "was not there");
    for (unsigned i = 0; i < d->disks; i++)
        if (!d->disk[i].named)
            return fail(err, size, "disk image", blk_path(d->disk[i].blk), "was not there");
    return true;
}

void snap_disks_apply(struct snap_disks *d)
{
    for (unsigned i = 0; i < d->slots; i++) {
        struct slot *s = &d->slot[i];
        if (s->blk != medium_now(s->medium))
            s->medium->ops->put(s->medium->opaque, s->blk);
        s->opened = false;
        machine_note_medium(d->o, s->medium);
    }
    for (unsigned i = 0; i < d->disks; i++) {
        struct disk *disk = &d->disk[i];
        blk_drop_overlay(disk->blk);
        for (const struct cluster *c = disk->data; c; c = c->next)
            CHECK(blk_put(disk->blk, c->number * CLUSTER_SECTORS, c->data,
                          cluster_sectors(disk->blk, c->number)),
                  "no memory for the contents of a disk");
    }
}

void snap_disks_free(struct snap_disks *d)
{
    for (unsigned i = 0; d && i < d->disks; i++) {
        while (d->disk[i].data) {
            struct cluster *next = d->disk[i].data->next;
            free(d->disk[i].data);
            d->disk[i].data = next;
        }
    }
    for (unsigned i = 0; d && i < d->slots; i++)
        if (d->slot[i].opened)
            blk_close(d->slot[i].blk);
    free(d);
}
