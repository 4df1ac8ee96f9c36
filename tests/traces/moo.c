/* Reader of captured traces. A file is a sequence of chunks: four letters, a 32-bit length, a body,
 * which may itself be chunks; all little-endian. Chunks of unknown names are skipped. Lengths come
 * from the file and are checked against what encloses them. */
#include "tests/traces/moo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/check.h"

#define TAG(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

/* Bytes not yet read of a chunk. */
struct span {
    const u8 *at;
    size_t left;
    bool damaged; /* more was asked for than there is */
};

struct moo {
    u8 *data;
    struct span rest;
    struct trace t;
};

static u32 take(struct span *s, unsigned size)
{
    if (s->left < size) {
        s->damaged = true;
        s->left = 0;
        return 0;
    }
    u32 v = (u32)load_le(s->at, size);
    s->at += size;
    s->left -= size;
    return v;
}

/* The next chunk of s; false at its end. */
static bool take_chunk(struct span *s, u32 *tag, struct span *body)
{
    if (!s->left)
        return false;
    *tag = take(s, 4);
    u32 len = take(s, 4);
    if (s->damaged || len > s->left) {
        s->damaged = true;
        return false;
    }
    *body = (struct span){.at = s->at, .left = len};
    s->at += len;
    s->left -= len;
    return true;
}

static bool read_all(struct moo *m, const char *path)
{
    gzFile f = gzopen(path, "rb");
    size_t room = 1 << 20, len = 0;
    int n = 0;

    if (!f)
        return false;
    do {
        m->data = realloc(m->data, room);
        CHECK(m->data, "out of memory");
        n = gzread(f, m->data + len, (unsigned)(room - len));
        len += n > 0 ? (size_t)n : 0;
        if (len == room)
            room *= 2;
    } while (n > 0);
    m->rest = (struct span){.at = m->data, .left = len};
    return gzclose(f) == Z_OK && n == 0;
}

struct moo *moo_open(const char *path, char *err, size_t size)
{
    struct moo *m = calloc(1, sizeof(*m));
    struct span head;
    u32 tag = 0;

    CHECK(m, "out of memory");
    if (!read_all(m, path)) {
        snprintf(err, size, "%s: cannot be read", path);
    } else if (!take_chunk(&m->rest, &tag, &head) || tag != TAG('M', 'O', 'O', ' ')) {
        snprintf(err, size, "%s: no MOO file", path);
    } else {
        return m;
    }
    moo_close(m);
    return NULL;
}

void moo_close(struct moo *m)
{
    if (!m)
        return;
    free(m->t.init.ram);
    free(m->t.fina.ram);
    free(m->data);
    free(m);
}

static void read_regs(struct span *s, struct trace_state *st)
{
    st->mask = (u16)take(s, 2);
    for (unsigned i = 0; i < TR_COUNT; i++)
        if (st->mask >> i & 1)
            st->reg[i] = (u16)take(s, 2);
}

static void read_ram(struct span *s, struct trace_state *st)
{
    u32 n = take(s, 4);

    if (n > s->left / 5) {
        s->damaged = true;
        return;
    }
    if (n > st->ram_room) {
        st->ram_room = n;
        st->ram = realloc(st->ram, n * sizeof(st->ram[0]));
        CHECK(st->ram, "out of memory");
    }
    st->nram = n;
    for (u32 i = 0; i < n; i++) {
        st->ram[i].addr = take(s, 4);
        st->ram[i].value = (u8)take(s, 1);
    }
}

static bool read_state(struct span s, struct trace_state *st)
{
    struct span body;
    u32 tag;

    st->mask = 0;
    st->nram = 0;
    while (take_chunk(&s, &tag, &body)) {
        if (tag == TAG('R', 'E', 'G', 'S'))
            read_regs(&body, st);
        else if (tag == TAG('R', 'A', 'M', ' '))
            read_ram(&body, st);
        if (body.damaged)
            return false;
    }
    return !s.damaged;
}

/* Text or bytes with their length before them, cut to size. */
static unsigned read_bytes(struct span *s, void *out, size_t size)
{
    u32 n = take(s, 4);

    if (n > s->left) {
        s->damaged = true;
        return 0;
    }
    n = n < size ? n : (u32)size;
    memcpy(out, s->at, n);
    return n;
}

static bool read_part(struct trace *t, u32 tag, struct span *body)
{
    switch (tag) {
    case TAG('N', 'A', 'M', 'E'):
        t->name[read_bytes(body, t->name, sizeof(t->name) - 1)] = 0;
        break;
    case TAG('B', 'Y', 'T', 'S'): t->nbytes = read_bytes(body, t->bytes, sizeof(t->bytes)); break;
    case TAG('I', 'N', 'I', 'T'): return read_state(*body, &t->init);
    case TAG('F', 'I', 'N', 'A'): return read_state(*body, &t->fina);
    case TAG('E', 'X', 'C', 'P'):
        t->excepted = true;
        t->vector = (u8)take(body, 1);
        t->flags_addr = take(body, 4);
        break;
    default: break;
    }
    return !body->damaged;
}

static bool read_test(struct trace *t, struct span s)
{
    struct span body;
    u32 tag;

    t->index = take(&s, 4);
    t->name[0] = 0;
    t->nbytes = 0;
    t->init.mask = t->fina.mask = 0;
    t->init.nram = t->fina.nram = 0;
    t->excepted = false;
    while (take_chunk(&s, &tag, &body))
        if (!read_part(t, tag, &body))
            return false;
    return !s.damaged;
}

const struct trace *moo_next(struct moo *m, char *err, size_t size)
{
    struct span body;
    u32 tag;

    err[0] = 0;
    while (take_chunk(&m->rest, &tag, &body)) {
        if (tag != TAG('T', 'E', 'S', 'T'))
            continue;
        if (read_test(&m->t, body))
            return &m->t;
        m->rest.damaged = true;
        break;
    }
    if (m->rest.damaged)
        snprintf(err, size, "damaged after test %u", m->t.index);
    return NULL;
}
