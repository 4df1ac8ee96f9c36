/* virtio-rng: VIRTIO 1.1, chapter 5.4. Its bytes are the key stream of ChaCha20 (RFC 8439) under a
 * key that is made of the property `seed`: the same in every run. With host=on, random bytes of the
 * host are mixed into the key when the machine starts; like any that a frontend sends later they
 * come through the journal, so that a replay has the same. */
#include "devices/virtio.h"

#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "devices/core/journal.h"

#define KEY_WORDS  8
#define BLOCK      64
#define SHARE      (1u << 16) /* bytes at one moment */
#define LATENCY_NS 5000

struct virtio_rng {
    struct dev dev;
    struct virtio virtio;
    u32 key[KEY_WORDS];
    u64 counter; /* blocks made under this key */

    /* Properties. */
    u32 seed;
    bool host;
};

static const struct field virtio_rng_fields[] = {
    FIELD_SUB(struct virtio_rng, virtio, virtio_fields),
    FIELD_ARRAY(struct virtio_rng, key),
    FIELD(struct virtio_rng, counter),
    FIELD_END,
};

static const struct prop virtio_rng_props[] = {
    VIRTIO_PROPS(struct virtio_rng),
    PROP_U32(struct virtio_rng, seed, "1"),
    PROP_BOOL(struct virtio_rng, host, "off"),
    PROP_END,
};

/* ---- the generator ---- */

static u32 rotate(u32 x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static void quarter(u32 *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

static void make_block(struct virtio_rng *s, u8 *out)
{
    u32 start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];

    memcpy(start + 4, s->key, sizeof(s->key));
    start[12] = (u32)s->counter;
    start[13] = (u32)(s->counter >> 32);
    s->counter++;
    memcpy(x, start, sizeof(x));
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++)
            quarter(x, i, i + 4, i + 8, i + 12);
        for (unsigned i = 0; i < 4; i++)
            quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        store_le(out + 4 * i, 4, x[i] + start[i]);
}

/* A new key, from the old one's stream and what came from outside. */
static void mix(void *opaque, const void *data, size_t len)
{
    struct virtio_rng *s = opaque;
    u8 block[BLOCK];

    while (len) {
        size_t n = len < sizeof(s->key) ? len : sizeof(s->key);
        make_block(s, block);
        for (size_t i = 0; i < n; i++)
            block[i] ^= ((const u8 *)data)[i];
        for (unsigned i = 0; i < KEY_WORDS; i++)
            s->key[i] = (u32)load_le(block + 4 * i, 4);
        s->counter = 0;
        data = (const u8 *)data + n;
        len -= n;
    }
}

/* ---- the queue ---- */

static u64 rng_serve(void *opaque, struct virtq *q)
{
    struct virtio_rng *s = opaque;
    struct virtio_request r;
    u64 bytes = 0;

    while (bytes < SHARE) {
        if (!virtq_pop(q, &r))
            return 0;
        while (r.in_at < r.in_bytes && !r.failed) {
            u8 block[BLOCK];
            make_block(s, block);
            virtio_put(&r, block, sizeof(block));
        }
        virtq_push(q, &r, r.failed ? 0 : r.in_bytes);
        bytes += r.in_bytes + 1;
    }
    return bytes;
}

/* ---- life ---- */

static void virtio_rng_reset(struct dev *dev)
{
    virtio_reset(&((struct virtio_rng *)dev)->virtio);
}

static bool virtio_rng_valid(const struct dev *copy)
{
    const struct virtio_rng *s = (const struct virtio_rng *)copy;
    return virtio_valid(&s->virtio);
}

static void virtio_rng_loaded(struct dev *dev)
{
    virtio_loaded(&((struct virtio_rng *)dev)->virtio);
}

static const char *virtio_rng_init(struct dev *dev, struct bus *bus)
{
    static const struct virtio_type type = {
        .id = 4,
        .pci_device = 0x1005,
        .class_code = 0x00ff00,
        .queues = 1,
        .queue_size = 8,
        .latency = LATENCY_NS,
        .serve = rng_serve,
    };
    struct virtio_rng *s = (struct virtio_rng *)dev;
    const char *refusal = virtio_init(&s->virtio, dev, &type, 0);
    u8 random[32];
    int channel;

    s->key[0] = s->seed;
    if (refusal || !bus->journal)
        return refusal;
    channel = journal_add_channel(bus->journal, dev->id, mix, s);
    if (s->host && getentropy(random, sizeof(random)))
        return "the host has no random bytes";
    if (s->host)
        journal_input(bus->journal, channel, random, sizeof(random));
    return NULL;
}

const struct dev_type dev_virtio_rng = {
    .name = "virtio-rng-pci",
    .size = sizeof(struct virtio_rng),
    .version = 1,
    .fields = virtio_rng_fields,
    .props = virtio_rng_props,
    .init = virtio_rng_init,
    .reset = virtio_rng_reset,
    .loaded = virtio_rng_loaded,
    .valid = virtio_rng_valid,
};
