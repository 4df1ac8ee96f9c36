/* Bytes become a journal that a machine with many devices replays. The first byte says how: even,
 * what follows is the file as it stands; odd, it becomes the records of a journal that is whole:
 * channel (1), ticks since the last one (2), length (1), so many bytes. The machine has a history,
 * goes back once and replays a part again. */
#define _GNU_SOURCE /* memfd_create() */
#include "tests/fuzz/journalfuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "machine/orrery.h"

#define RUN_TICKS   200000
#define END_RECORD  24 /* header and hash; a checksum of 8 bytes follows */
#define MAX_RECORDS 64
#define CHANNELS    10 /* there are at least so many */

struct file {
    int fd;
    char path[32];
};

static struct file scratch(void)
{
    struct file f = {.fd = memfd_create("journal", 0)};

    CHECK(f.fd >= 0, "no file in memory");
    snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
    return f;
}

static struct orrery *make(const char *record, const char *replay, char *err, size_t size)
{
    static const char *const devices[] = {
        "ne2k_isa,iobase=0x300,irq=9,netdev=n0",
        "virtio-rng-pci",
        "virtio-serial-pci,id=vs",
        "virtconsole,bus=vs.0",
        "sb16",
        NULL,
    };
    static const struct orrery_net nets[] = {{.id = "n0"}, {.id = NULL}};
    struct orrery_config c = {.ram_bytes = 2 << 20,
                              .accel = "interp",
                              .devices = devices,
                              .nets = nets,
                              .record = record,
                              .replay = replay};

    c.ide[2].cdrom = true;
    c.floppy[0] = (struct orrery_drive){.floppy = true, .snapshot = true};
    c.serial_present[0] = c.parallel_present = true;
    return orrery_create(&c, err, size);
}

/* A journal's head, up to its first record: malloc'ed. */
static u8 *good_head(size_t *len)
{
    struct file f = scratch();
    char err[300] = "";
    struct orrery *o = make(f.path, NULL, err, sizeof(err));
    off_t size;
    u8 *head;

    CHECK(o, "%s", err);
    CHECK(orrery_finish(o), "%s", orrery_error(o));
    orrery_free(o);
    size = lseek(f.fd, 0, SEEK_END);
    CHECK(size > END_RECORD + 8, "a journal of %lld bytes", (long long)size);
    *len = (size_t)size - END_RECORD - 8;
    head = malloc(*len);
    CHECK(head && pread(f.fd, head, *len, 0) == (ssize_t)*len, "cannot read it");
    close(f.fd);
    return head;
}

static void put(FILE *out, struct hash *h, const void *data, size_t len)
{
    hash_bytes(h, data, len);
    CHECK(fwrite(data, 1, len, out) == len, "no memory");
}

static void put_record(FILE *out, struct hash *h, u64 tick, u32 channel, const u8 *data, u32 len)
{
    u8 head[16];

    store_le(head, 8, tick);
    store_le(head + 8, 4, channel);
    store_le(head + 12, 4, len);
    put(out, h, head, sizeof(head));
    put(out, h, data, len);
}

static void write_records(FILE *out, const u8 *data, size_t size)
{
    static const u8 no_hash[8];
    static u8 *head;
    static size_t head_len;
    struct hash h;
    u8 sum[8];
    u64 tick = 0;

    if (!head)
        head = good_head(&head_len);
    hash_init(&h);
    put(out, &h, head, head_len);
    for (unsigned n = 0; size >= 4 && n < MAX_RECORDS; n++) {
        u32 len = data[3] < size - 4 ? data[3] : (u32)(size - 4);
        tick += load_le(data + 1, 2);
        put_record(out, &h, tick, data[0] < 0xf0 ? data[0] % CHANNELS : data[0], data + 4, len);
        data += 4 + len;
        size -= 4 + len;
    }
    put_record(out, &h, tick + 1000, 0xffffffff, no_hash, sizeof(no_hash));
    store_le(sum, sizeof(sum), hash_value(&h));
    CHECK(fwrite(sum, 1, sizeof(sum), out) == sizeof(sum), "no memory");
}

static void replay(const char *path)
{
    char err[300] = "";
    struct orrery *o = make(NULL, path, err, sizeof(err));

    if (!o)
        return; /* refused */
    CHECK(orrery_history_start(o, 64 << 20, err, sizeof(err)), "%s", err);
    orrery_run(o, RUN_TICKS / 2);
    orrery_goto(o, orrery_tick(o) / 2, err, sizeof(err));
    orrery_run(o, RUN_TICKS);
    orrery_history_fork(o);
    orrery_run(o, RUN_TICKS / 4);
    orrery_finish(o);
    orrery_free(o);
}

void journalfuzz_run(const u8 *data, size_t size)
{
    struct file f = scratch();
    FILE *out = fdopen(dup(f.fd), "wb");

    CHECK(out, "no file");
    if (size && data[0] & 1)
        write_records(out, data + 1, size - 1);
    else if (size)
        CHECK(fwrite(data + 1, 1, size - 1, out) == size - 1, "no memory");
    fclose(out);
    replay(f.path);
    close(f.fd);
}
