/* The whole PC of tests/fuzz/board.h. Disks are snapshots, so all boards see the same images.
 *
 * A board is renewed as a machine goes back to a snapshot: fields of devices are loaded, pages that
 * were written to are copied, media are put back. What is no part of a machine's state (messages
 * under way to the guest, sound that was mixed) is thrown away. */
#define _GNU_SOURCE /* memfd_create() */
#include "tests/fuzz/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/pack.h"
#include "devices/board_pc.h"
#include "devices/core/audio.h"
#include "devices/core/blk.h"
#include "devices/core/chardev.h"
#include "devices/core/dev.h"
#include "devices/core/medium.h"
#include "devices/core/net.h"
#include "devices/vga.h"
#include "mmu/phys.h"
#include "tests/fuzz/pc_setup.h"

#define DISK_SECTORS   1024u /* 512 KiB */
#define DISC_SECTORS   512u  /* a quarter as many of 2048 bytes */
#define FLOPPY_SECTORS 2880u
#define NETS           5
#define EVENTS         50000 /* of the clock, in a script */
#define AREAS          8
#define DEVICES        64
#define TOO_LONG       1.0 /* seconds */
#define CPU_TIME_OPS   16

static const char *const drives[] = {"ide1-cd0", "ide1-cd1", "floppy0", "floppy1"};

/* A board at power-on. */
struct fresh {
    struct device { /* of the bus, in its order */
        struct dev *dev;
        struct pack fields;
        void *copy; /* of its struct */
        bool whole; /* there is nothing behind pointers */
    } device[DEVICES];
    unsigned devices;
    u8 *area[AREAS]; /* of phys, in their order */
    struct blk *medium[ARRAY_LEN(drives)];
    struct devtest rig;
    u64 base_ns, base_ticks;
    u8 a20_sources;
    bool nmi_masked;
};

struct board {
    struct devtest *t;
    struct fresh fresh;
    unsigned ops;
    double cpu_time; /* before the last CPU_TIME_OPS ops or fewer */
    struct blk *disk;
    struct chardev chardev[BOARD_PORTS];
    struct net_link net[NETS];
    struct audio *audio;
};

static void make_image(int fd, u32 sectors)
{
    int made = memfd_create("image", 0);

    CHECK(made >= 0 && dup2(made, fd) == fd, "no file for an image");
    close(made);
    for (u32 n = 0; n < sectors; n++) {
        u32 sector[BLK_SECTOR / 4];
        for (unsigned i = 0; i < ARRAY_LEN(sector); i++)
            sector[i] = n;
        CHECK(write(fd, sector, sizeof(sector)) == sizeof(sector), "no room for an image");
    }
}

void media_make(void)
{
    make_image(100, DISK_SECTORS);
    make_image(101, DISC_SECTORS);
    make_image(102, FLOPPY_SECTORS);
}

static void add_chardevs(struct board *b)
{
    static const char *const names[BOARD_PORTS] = {"serial0", "serial1",  "serial2",
                                                   "serial3", "debugcon", "console",
                                                   "stream",  "paced",    "parallel0"};

    for (unsigned i = 0; i < BOARD_PORTS; i++) {
        chardev_init(&b->chardev[i], NULL, NULL);
        bus_add_object(b->t->bus, CHARDEV_KIND, names[i], &b->chardev[i]);
    }
}

/* Devices that the board has only when asked. */
static const struct {
    const struct dev_type *type;
    const char *options;
} extras[] = {
    {&dev_isa_debug_exit, NULL},
    {&dev_pc_testdev, NULL},
    {&dev_uart16550, "id=paced,iobase=0x280,irq=5,chardev=paced,pace=on"},
    {&dev_sb16, NULL},
    {&dev_adlib, "iobase=0x398"},
    {&dev_virtio_blk, "drive=vd0"},
    {&dev_virtio_net, "netdev=net0"},
    {&dev_virtio_rng, NULL},
    {&dev_virtio_serial, NULL},
    {&dev_virtconsole, "chardev=console"},
    {&dev_virtserialport, "chardev=stream,name=stream"},
    {&dev_ne2k_isa, "netdev=net1,iobase=0x300,irq=9"},
    {&dev_ne2k_pci, "netdev=net2"},
    {&dev_rtl8139, "netdev=net3"},
    {&dev_e1000, "netdev=net4"},
};

static bool build(struct board *b, char *err, size_t err_size)
{
    const struct board_pc config = {
        .ram_bytes = BOARD_RAM,
        .ide = {{.file = MEDIA_DISK, .mode = BLK_SNAPSHOT},
                {.file = NULL},
                {.file = MEDIA_DISC, .cdrom = true},
                {.cdrom = true}},
        .floppy = {{.floppy = true, .file = MEDIA_FLOPPY, .mode = BLK_SNAPSHOT},
                   {.floppy = true, .mode = BLK_SNAPSHOT}},
        .parallel = true,
        .speaker = "snd0",
        .vga = true,
        .serial = {true, true, true, true},
        .debugcon = true,
        .apic = true,
        .tsc_deadline = true,
    };
    static const char *const nets[NETS] = {"net0", "net1", "net2", "net3", "net4"};
    struct bus *bus = b->t->bus;

    b->disk = blk_open(MEDIA_DISK, BLK_SNAPSHOT, err, err_size);
    if (!b->disk)
        return false;
    bus_add_object(bus, BLK_KIND, "vd0", b->disk);
    bus_add_object(bus, AUDIO_KIND, AUDIO_DEFAULT, b->audio);
    bus_add_object(bus, AUDIO_KIND, "snd0", b->audio);
    for (unsigned i = 0; i < NETS; i++) {
        net_link_init(&b->net[i], NULL, NULL);
        bus_add_object(bus, NET_KIND, nets[i], &b->net[i]);
    }
    if (!board_pc_build(bus, &config, err, err_size))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        if (!dev_create(bus, extras[i].type, extras[i].options, err, err_size))
            return false;
    }
    board_pc_finish(bus, &config);
    return dev_create(bus, &dev_pc_setup, NULL, err, err_size);
}

static void drop_sound(void *opaque, const void *data, size_t len)
{
    (void)opaque;
    (void)data;
    (void)len;
}

/* ---- power-on, again and again ---- */

static struct medium *find_medium(struct board *b, unsigned n)
{
    struct medium *m = bus_find_object(b->t->bus, MEDIUM_KIND, drives[n]);

    CHECK(m, "no drive %s", drives[n]);
    return m;
}

static void see_nothing(void *opaque, struct blk *blk, u64 sector, u32 count)
{
    (void)opaque;
    (void)blk;
    (void)sector;
    (void)count;
}

static void keep_media(struct board *b)
{
    static const struct blk_watch watch = {see_nothing, NULL};

    for (unsigned i = 0; i < ARRAY_LEN(drives); i++) {
        b->fresh.medium[i] = medium_now(find_medium(b, i));
        medium_keep(find_medium(b, i), &watch);
    }
    dt_run_to(b->t, 1); /* what is put in from now on does not stay */
}

static void keep_areas(struct board *b)
{
    CHECK(phys_areas(b->t->bus->phys) <= AREAS, "too many areas of memory");
    for (unsigned i = 0; i < phys_areas(b->t->bus->phys); i++) {
        const struct phys_area *a = phys_area(b->t->bus->phys, i);
        b->fresh.area[i] = malloc(a->size);
        CHECK(b->fresh.area[i], "out of memory");
        memcpy(b->fresh.area[i], a->mem, a->size);
        memset(a->clean, PHYS_KEPT, a->size >> PAGE_BITS);
    }
}

static bool has_blobs(const struct field *f)
{
    for (; f && f->name; f++)
        if (f->kind == FIELD_BLOB || (f->kind == FIELD_STRUCT && has_blobs(f->sub)))
            return true;
    return false;
}

static void keep_devices(struct board *b)
{
    for (struct dev *d = b->t->bus->devs; d; d = d->next) {
        struct device *kept = &b->fresh.device[b->fresh.devices++];
        CHECK(b->fresh.devices <= DEVICES, "too many devices");
        kept->dev = d;
        fields_save(d->type->fields, d, &kept->fields);
        kept->whole = !has_blobs(d->type->fields);
        kept->copy = malloc(d->type->size);
        CHECK(!kept->fields.failed && kept->copy, "out of memory");
        memcpy(kept->copy, d, d->type->size);
    }
}

static void keep(struct board *b)
{
    struct fresh *f = &b->fresh;
    struct bus *bus = b->t->bus;

    keep_media(b);
    keep_areas(b);
    keep_devices(b);
    f->rig = *b->t;
    f->base_ns = b->t->clk.base_ns;
    f->base_ticks = b->t->clk.base_ticks;
    f->a20_sources = bus->a20_sources;
    f->nmi_masked = bus->nmi_masked;
}

static void renew_media(struct board *b)
{
    struct blk *disks[] = {board_pc_disk(b->t->bus, 0), b->disk};

    for (unsigned i = 0; i < ARRAY_LEN(drives); i++) {
        struct blk *first = b->fresh.medium[i];
        medium_put(find_medium(b, i), first);
        medium_cut(find_medium(b, i), 0);
        if (first && blk_mode(first) == BLK_SNAPSHOT)
            blk_drop_overlay(first);
    }
    for (unsigned i = 0; i < ARRAY_LEN(disks); i++)
        blk_drop_overlay(disks[i]);
}

static void renew_areas(struct board *b)
{
    struct phys *phys = b->t->bus->phys;

    for (unsigned i = 0; i < phys_areas(phys); i++) {
        const struct phys_area *a = phys_area(phys, i);
        for (u64 n = 0; n < a->size >> PAGE_BITS; n++) {
            if (a->clean[n] & PHYS_KEPT)
                continue;
            phys_area_replace(phys, i, n, b->fresh.area[i] + (n << PAGE_BITS));
            a->clean[n] |= PHYS_KEPT;
        }
    }
}

/* Most devices are as they were. */
static void renew_devices(struct board *b)
{
    bool changed[DEVICES];

    for (unsigned i = 0; i < b->fresh.devices; i++) {
        const struct device *kept = &b->fresh.device[i];
        const struct dev_type *type = kept->dev->type;
        struct unpack in = {kept->fields.data, NULL, false};
        changed[i] =
            kept->fields.len && (!kept->whole || memcmp(kept->dev, kept->copy, type->size) != 0);
        if (!changed[i])
            continue;
        in.end = kept->fields.data + kept->fields.len;
        fields_load(type->fields, type->version, kept->dev, FIELDS_APPLY, &in);
        CHECK(!in.failed && in.at == in.end, "fields of %s", kept->dev->id);
    }
    for (unsigned i = 0; i < b->fresh.devices; i++) {
        struct dev *d = b->fresh.device[i].dev;
        if (changed[i] && d->type->loaded)
            d->type->loaded(d);
    }
}

void board_renew(struct board *b)
{
    const struct fresh *f = &b->fresh;
    struct devtest *t = b->t;

    journal_run(t->journal);
    t->ticks = f->rig.ticks;
    t->clk.base_ns = f->base_ns;
    t->clk.base_ticks = f->base_ticks;
    renew_media(b);
    renew_areas(b);
    t->bus->a20_sources = f->a20_sources;
    t->bus->nmi_masked = f->nmi_masked;
    renew_devices(b);
    memcpy(t->level, f->rig.level, sizeof(t->level));
    memcpy(t->rises, f->rig.rises, sizeof(t->rises));
    memcpy(t->requests, f->rig.requests, sizeof(t->requests));
    t->intr = f->rig.intr;
    t->a20 = f->rig.a20;
    t->nmis = f->rig.nmis;
    t->request_arg = f->rig.request_arg;
    t->out_len = f->rig.out_len;
    t->events = f->rig.events;
    audio_seek(b->audio, clock_now(&t->clk));
}

struct board *board_open(bool heard)
{
    struct board *b = calloc(1, sizeof(*b));
    char err[200] = "";

    CHECK(b, "out of memory");
    b->t = dt_open();
    b->t->max_events = EVENTS;
    b->t->bus->phys = phys_new(BOARD_RAM);
    CHECK(b->t->bus->phys, "out of memory");
    b->audio = audio_create(44100, heard ? drop_sound : NULL, NULL);
    add_chardevs(b);
    CHECK(build(b, err, sizeof(err)), "%s", err);
    keep(b);
    return b;
}

void board_close(struct board *b)
{
    struct phys *phys = b->t->bus->phys;

    for (unsigned i = 0; i < ARRAY_LEN(drives); i++)
        medium_keep(find_medium(b, i), NULL);
    dt_close(b->t);
    phys_free(phys);
    blk_close(b->disk);
    audio_destroy(b->audio);
    for (unsigned i = 0; i < AREAS; i++)
        free(b->fresh.area[i]);
    for (unsigned i = 0; i < b->fresh.devices; i++) {
        free(b->fresh.device[i].fields.data);
        free(b->fresh.device[i].copy);
    }
    free(b);
}

struct devtest *board_rig(struct board *b)
{
    return b->t;
}

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The CPU's time costs a system call, so it is asked for now and then only; who has waited for the
 * host meanwhile has not taken too long. */
bool board_run(struct board *b, const struct op *op, char *err, size_t err_size)
{
    double start = seconds(CLOCK_MONOTONIC);
    char line[OP_LINE];
    u64 got;
    bool ok;

    if (b->ops++ % CPU_TIME_OPS == 0)
        b->cpu_time = seconds(CLOCK_PROCESS_CPUTIME_ID);
    ok = op_run(b->t, op, &got);
    audio_run(b->audio, clock_now(&b->t->clk));
    if (!ok) {
        op_print(op, line);
        snprintf(err, err_size, "'%s': got 0x%llx", line, (unsigned long long)got);
    }
    if (seconds(CLOCK_MONOTONIC) - start < TOO_LONG ||
        seconds(CLOCK_PROCESS_CPUTIME_ID) - b->cpu_time < TOO_LONG)
        return ok;
    op_print(op, line);
    fprintf(stderr, "'%s' took more than %.1f seconds\n", line, TOO_LONG);
    abort();
}

u64 board_hash(struct board *b)
{
    return dt_hash(b->t);
}

void board_draw(struct board *b)
{
    struct dev *vga = bus_find_dev(b->t->bus, VGA_ID);
    struct vga_surface screen = {0};
    struct vga_text text = {0};

    CHECK(vga_render(vga, &screen), "no picture");
    CHECK(screen.width <= VGA_MAX_WIDTH && screen.height <= VGA_MAX_HEIGHT, "a picture of %u by %u",
          screen.width, screen.height);
    vga_text(vga, &text);
    vga_surface_free(&screen);
    vga_text_free(&text);
}
