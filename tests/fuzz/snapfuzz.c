/* Bytes become a snapshot file that a machine with every device loads. The first byte says how:
 * even, what follows is the file as it stands; odd, a good file whose contents are changed, its
 * checksums made anew: each five bytes are section (1), offset (3) and value (1); an offset beyond
 * the end cuts the section there. (From 80h on the section is that of the state,
 * and the offset's first byte says whose part: of the CPU, the clock, a device.) A machine that has
 * taken the file then runs on and its ports are
 * used. */
#define _GNU_SOURCE /* memfd_create() */
#include "tests/fuzz/snapfuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "machine/machine.h"
#include "machine/snapio.h"
#include "machine/snapshot.h"

#define MAX_SECTIONS 64
#define MAX_PARTS    128
#define RUN_TICKS    20000

struct section {
    char tag[5];
    u8 *data;
    size_t len;
};

static struct {
    char disk[64];
    struct orrery *o;
    struct snapshot *begin;
    struct section section[MAX_SECTIONS];
    unsigned sections;
    struct section *state;
    size_t part[MAX_PARTS]; /* where the state's parts begin */
    unsigned parts;
} f;

static FILE *scratch(char path[32])
{
    int fd = memfd_create("snapshot", 0);

    CHECK(fd >= 0, "no file in memory");
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fdopen(fd, "w+b");
}

static struct orrery *make(void)
{
    static const char *const devices[] = {
        "ne2k_isa,iobase=0x300,irq=9",
        "ne2k_pci",
        "rtl8139",
        "e1000",
        "virtio-rng-pci",
        "virtio-net-pci",
        "virtio-blk-pci,drive=d0",
        "virtio-serial-pci,id=vs",
        "virtconsole,bus=vs.0",
        "adlib",
        "sb16",
        "pc-testdev",
        NULL,
    };
    struct orrery_drive disks[2] = {{.file = f.disk, .name = "d0", .snapshot = true, .raw = true}};
    struct orrery_config c = {
        .ram_bytes = 2 << 20, .accel = "interp", .devices = devices, .disks = disks};
    char err[300] = "";
    struct orrery *o;

    c.ide[0] = (struct orrery_drive){.file = f.disk, .snapshot = true, .raw = true};
    c.ide[2].cdrom = true;
    c.floppy[0] = (struct orrery_drive){.floppy = true, .snapshot = true};
    c.serial_present[0] = c.parallel_present = true;
    o = orrery_create(&c, err, sizeof(err));
    CHECK(o, "%s", err);
    return o;
}

static void read_good(FILE *file)
{
    struct snap_in in;

    rewind(file);
    CHECK(snap_open(&in, file), "%s", in.why);
    while (snap_next(&in)) {
        struct section *s = &f.section[f.sections++];
        CHECK(f.sections < MAX_SECTIONS, "too many sections");
        memcpy(s->tag, in.tag, sizeof(s->tag));
        s->len = (size_t)(in.body.end - in.body.at);
        s->data = malloc(s->len + 1);
        CHECK(s->data, "out of memory");
        memcpy(s->data, in.data, s->len);
    }
    CHECK(!in.why[0], "%s", in.why);
    snap_close(&in);
}

static void find_parts(void)
{
    struct unpack in;

    for (f.state = f.section; strcmp(f.state->tag, "STAT") != 0;)
        f.state++;
    in = (struct unpack){f.state->data, f.state->data + f.state->len, false};
    while (in.at < in.end && !in.failed && f.parts < MAX_PARTS) {
        unpack_text(&in);
        unpack_text(&in);
        unpack_uint(&in, 2);
        u64 len = unpack_uint(&in, 4);
        f.part[f.parts++] = (size_t)(in.at - f.state->data);
        unpack_bytes(&in, len);
    }
    CHECK(!in.failed && f.parts < MAX_PARTS, "the state's parts");
}

void snapfuzz_open(void)
{
    u8 zeros[4096] = {1};
    char path[32], err[300] = "";
    FILE *file = scratch(path);
    int fd;

    snprintf(f.disk, sizeof(f.disk), "/tmp/orrery-fuzz-XXXXXX");
    fd = mkstemp(f.disk);
    CHECK(fd >= 0 && write(fd, zeros, sizeof(zeros)) == sizeof(zeros), "no disk");
    close(fd);
    f.o = make();
    orrery_run(f.o, 3000000);
    f.begin = snapshot_take(f.o);
    fclose(file);
    snprintf(path, sizeof(path), "/tmp/orrery-fuzz-%d", (int)getpid());
    CHECK(orrery_save(f.o, path, err, sizeof(err)), "%s", err);
    file = fopen(path, "rb");
    unlink(path);
    CHECK(file, "no file");
    read_good(file);
    find_parts();
    fclose(file);
}

void snapfuzz_close(void)
{
    for (unsigned i = 0; i < f.sections; i++)
        free(f.section[i].data);
    snapshot_free(f.begin);
    orrery_free(f.o);
    unlink(f.disk);
}

static void change(struct pack *sections, const u8 *data, size_t size)
{
    for (; size >= 5; data += 5, size -= 5) {
        bool part = data[0] & 0x80;
        struct pack *p = &sections[part ? (unsigned)(f.state - f.section) : data[0] % f.sections];
        size_t at = part ? f.part[data[1] % f.parts] + (size_t)(data[2] | data[3] << 8)
                         : (size_t)(data[1] | data[2] << 8 | data[3] << 16);
        if (at < p->len)
            p->data[at] = data[4];
        else if (at < p->len + 8)
            p->len -= p->len > data[4] ? data[4] : p->len;
        else if (p->len)
            p->data[at % p->len] = data[4];
    }
}

static void write_changed(FILE *file, const u8 *data, size_t size)
{
    struct pack sections[MAX_SECTIONS] = {0};
    struct snap_out out;

    for (unsigned i = 0; i < f.sections; i++)
        pack_bytes(&sections[i], f.section[i].data, f.section[i].len);
    change(sections, data, size);
    snap_begin(&out, file);
    for (unsigned i = 0; i < f.sections; i++) {
        snap_put(&out, f.section[i].tag, &sections[i]);
        free(sections[i].data);
    }
    snap_end(&out);
}

/* As a program would that finds a machine in some state. */
static void use(struct orrery *o, u32 seed)
{
    for (unsigned i = 0; i < 400; i++) {
        u16 base;
        u32 count;
        const void *opaque;

        seed = seed * 1664525 + 1013904223;
        if (!bus_io_range(o->bus, seed >> 8 & 63, &base, &count, &opaque))
            continue;
        if (seed & 1 << 30)
            bus_in(o->bus, (u16)(base + (seed >> 14) % count), 1u << (seed >> 28 & 1));
        else
            bus_out(o->bus, (u16)(base + (seed >> 14) % count), 1u << (seed >> 28 & 1), seed >> 16);
    }
}

void snapfuzz_run(const u8 *data, size_t size)
{
    char path[32], err[400];
    FILE *file = scratch(path);

    if (!size || data[0] % 2 == 0)
        fwrite(data, 1, size, file);
    else
        write_changed(file, data + 1, size - 1);
    fflush(file);
    if (orrery_load(f.o, path, err, sizeof(err))) {
        struct orrery_screen screen = {0};
        orrery_run(f.o, RUN_TICKS);
        use(f.o, (u32)size * 77 + data[size - 1]);
        orrery_run(f.o, RUN_TICKS);
        orrery_screen(f.o, &screen);
        orrery_screen_free(&screen);
        snapshot_restore(f.o, f.begin);
    }
    fclose(file);
}
