/* The whole PC of tests/fuzz/board.h. Disks are snapshots, so all boards see the same images. */
#include "tests/fuzz/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "devices/board_pc.h"
#include "devices/core/audio.h"
#include "devices/core/blk.h"
#include "devices/core/chardev.h"
#include "devices/core/dev.h"
#include "devices/core/net.h"
#include "devices/vga.h"
#include "mmu/phys.h"
#include "tests/fuzz/pc_setup.h"

#define DISK_SECTORS   1024u /* 512 KiB */
#define DISC_SECTORS   512u  /* a quarter as many of 2048 bytes */
#define FLOPPY_SECTORS 2880u
#define NETS           5
#define STEP_EVENTS    20000
#define TOO_LONG       1.0 /* seconds */

struct board {
    struct devtest *t;
    struct blk *disk;
    struct chardev chardev[BOARD_PORTS];
    struct net_link net[NETS];
    struct audio *audio;
};

static void make_image(char *path, u32 sectors)
{
    int fd;

    strcpy(path, "/tmp/orrery-media-XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0, "no file for an image");
    for (u32 n = 0; n < sectors; n++) {
        u32 sector[BLK_SECTOR / 4];
        for (unsigned i = 0; i < ARRAY_LEN(sector); i++)
            sector[i] = n;
        CHECK(write(fd, sector, sizeof(sector)) == sizeof(sector), "no room for an image");
    }
    close(fd);
}

void media_make(struct media *m)
{
    make_image(m->disk, DISK_SECTORS);
    make_image(m->disc, DISC_SECTORS);
    make_image(m->floppy, FLOPPY_SECTORS);
}

void media_remove(struct media *m)
{
    unlink(m->disk);
    unlink(m->disc);
    unlink(m->floppy);
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

static bool build(struct board *b, const struct media *m, char *err, size_t err_size)
{
    const struct board_pc config = {
        .ram_bytes = BOARD_RAM,
        .ide = {{.file = m->disk, .mode = BLK_SNAPSHOT},
                {.file = NULL},
                {.file = m->disc, .cdrom = true},
                {.cdrom = true}},
        .floppy = {{.floppy = true, .file = m->floppy, .mode = BLK_SNAPSHOT}, {.floppy = true}},
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

    b->disk = blk_open(m->disk, BLK_SNAPSHOT, err, err_size);
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

struct board *board_open(const struct media *m, bool heard)
{
    struct board *b = calloc(1, sizeof(*b));
    char err[200] = "";

    CHECK(b, "out of memory");
    b->t = dt_open();
    b->t->step_events = STEP_EVENTS;
    b->t->bus->phys = phys_new(BOARD_RAM);
    CHECK(b->t->bus->phys, "out of memory");
    b->audio = audio_create(44100, heard ? drop_sound : NULL, NULL);
    add_chardevs(b);
    CHECK(build(b, m, err, sizeof(err)), "%s", err);
    return b;
}

void board_close(struct board *b)
{
    struct phys *phys = b->t->bus->phys;

    dt_close(b->t);
    phys_free(phys);
    blk_close(b->disk);
    audio_destroy(b->audio);
    free(b);
}

struct devtest *board_rig(struct board *b)
{
    return b->t;
}

static double cpu_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

bool board_run(struct board *b, const struct op *op, char *err, size_t err_size)
{
    double start = cpu_seconds(), seconds;
    char line[256];
    u64 got;
    bool ok = op_run(b->t, op, &got);

    audio_run(b->audio, clock_now(&b->t->clk));
    seconds = cpu_seconds() - start;
    if (ok && seconds < TOO_LONG)
        return true;
    op_print(op, line, sizeof(line));
    if (!ok) {
        snprintf(err, err_size, "'%s': got 0x%llx", line, (unsigned long long)got);
        return false;
    }
    fprintf(stderr, "'%s' took %.1f seconds\n", line, seconds);
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
