/* Sections of snapshot files: see the header. Zstandard is optional: without it nothing is
 * compressed, and what is cannot be read. */
#include "machine/snapio.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/bytes.h"
#include "base/hash.h"

static const char magic[8] = {'O', 'R', 'R', 'E', 'R', 'Y', 'S', '\n'};

enum { STORED, ZSTANDARD };
enum { HEAD = 13, SECTION_HEAD = HEAD + 8 };

#ifdef HAVE_ZSTD

#define LEVEL 1 /* the machine stands meanwhile */

bool snap_can_compress(void)
{
    return true;
}

/* Into out, which has room for len bytes; 0: it does not get smaller. */
static size_t compress(u8 *out, const u8 *data, size_t len)
{
    size_t n = ZSTD_compress(out, len, data, len, LEVEL);

    return ZSTD_isError(n) || n >= len ? 0 : n;
}

static bool expand(u8 *out, size_t len, const u8 *data, size_t stored)
{
    return ZSTD_decompress(out, len, data, stored) == len;
}

#else

bool snap_can_compress(void)
{
    return false;
}

static size_t compress(u8 *out, const u8 *data, size_t len)
{
    (void)out;
    (void)data;
    (void)len;
    return 0;
}

static bool expand(u8 *out, size_t len, const u8 *data, size_t stored)
{
    (void)out;
    (void)len;
    (void)data;
    (void)stored;
    return false;
}

#endif

static u64 checksum(const u8 *head, const u8 *data, size_t len)
{
    struct hash h;

    hash_init(&h);
    hash_bytes(&h, head, HEAD);
    hash_bytes(&h, data, len);
    return hash_value(&h);
}

/* -- writing -- */

static void write_all(struct snap_out *out, const void *data, size_t len)
{
    if (!out->failed && fwrite(data, 1, len, out->file) != len)
        out->failed = "it cannot be written";
}

void snap_begin(struct snap_out *out, FILE *file)
{
    u8 version[4];

    *out = (struct snap_out){.file = file};
    store_le(version, 4, SNAPFILE_VERSION);
    write_all(out, magic, sizeof(magic));
    write_all(out, version, sizeof(version));
}

void snap_put(struct snap_out *out, const char tag[4], struct pack *p)
{
    u8 head[SECTION_HEAD], *packed = p->failed ? NULL : malloc(p->len + 1);
    size_t n = 0;

    if (!packed || p->len > SECTION_MAX) {
        out->failed = packed ? "a part of the machine is too large" : "out of memory";
    } else {
        n = compress(packed, p->data, p->len);
        memcpy(head, tag, 4);
        head[4] = n ? ZSTANDARD : STORED;
        store_le(head + 5, 4, p->len);
        store_le(head + 9, 4, n ? n : p->len);
        store_le(head + HEAD, 8, checksum(head, n ? packed : p->data, n ? n : p->len));
        write_all(out, head, sizeof(head));
        write_all(out, n ? packed : p->data, n ? n : p->len);
    }
    free(packed);
    out->sections++;
    p->len = 0;
}

const char *snap_end(struct snap_out *out)
{
    struct pack p = {0};

    pack_uint(&p, out->sections, 4);
    snap_put(out, "END ", &p);
    free(p.data);
    if (!out->failed && fflush(out->file))
        out->failed = "it cannot be written";
    return out->failed;
}

/* -- reading -- */

static bool wrong(struct snap_in *in, const char *why)
{
    if (!in->why[0])
        snprintf(in->why, sizeof(in->why), "%s", why);
    return false;
}

bool snap_open(struct snap_in *in, FILE *file)
{
    u8 head[12];

    *in = (struct snap_in){.file = file};
    if (fread(head, 1, sizeof(head), file) != sizeof(head) || memcmp(head, magic, sizeof(magic)))
        return wrong(in, "it is no snapshot of Orrery's");
    if (load_le(head + 8, 4) > SNAPFILE_VERSION || !load_le(head + 8, 4))
        return wrong(in, "it was written by a later version of Orrery");
    return true;
}

/* The bytes of a section as they stand in the file, in pieces: a length that lies costs no more
 * memory than the file has bytes. */
static u8 *read_stored(FILE *file, size_t len)
{
    size_t have = 0, room = len < (1u << 20) ? len : 1u << 20;
    u8 *data = malloc(room + 1);

    while (data && have < len) {
        size_t n = fread(data + have, 1, room - have, file);
        u8 *more;

        have += n;
        if (have == len)
            break;
        if (have < room) { /* the file has ended */
            free(data);
            return NULL;
        }
        room = 2 * room < len ? 2 * room : len;
        more = realloc(data, room + 1);
        if (!more)
            free(data);
        data = more;
    }
    return data;
}

static bool take_contents(struct snap_in *in, u8 *stored, u32 method, size_t len, size_t n)
{
    u8 *data = stored;

    if (method == ZSTANDARD) {
        data = malloc(len + 1);
        if (!data || !expand(data, len, stored, n)) {
            free(data);
            free(stored);
            return wrong(in, snap_can_compress() ? "it is damaged"
                                                 : "it is compressed, which Orrery was built "
                                                   "without (libzstd)");
        }
        free(stored);
    }
    in->data = data;
    in->body = (struct unpack){data, data + len, false};
    return true;
}

/* At "END ": it counts, and nothing follows. */
static bool end_of_file(struct snap_in *in)
{
    u64 sections = unpack_uint(&in->body, 4);

    if (in->body.failed || sections != in->sections || getc(in->file) != EOF)
        wrong(in, "it is damaged: parts of it are missing");
    return false;
}

bool snap_next(struct snap_in *in)
{
    u8 head[SECTION_HEAD], *stored;
    size_t len, n;

    free(in->data);
    in->data = NULL;
    if (in->why[0])
        return false;
    if (fread(head, 1, sizeof(head), in->file) != sizeof(head))
        return wrong(in, "it is damaged: its end is missing");
    memcpy(in->tag, head, 4);
    len = load_le(head + 5, 4);
    n = load_le(head + 9, 4);
    if (len > SECTION_MAX || n > len || (head[4] == STORED && n != len) || head[4] > ZSTANDARD)
        return wrong(in, "it is damaged");
    stored = read_stored(in->file, n);
    if (!stored)
        return wrong(in, "it is damaged: its end is missing");
    if (checksum(head, stored, n) != load_le(head + HEAD, 8)) {
        free(stored);
        return wrong(in, "it is damaged: a checksum differs");
    }
    if (!take_contents(in, stored, head[4], len, n))
        return false;
    if (!memcmp(in->tag, "END ", 4))
        return end_of_file(in);
    in->sections++;
    return true;
}

void snap_close(struct snap_in *in)
{
    free(in->data);
    in->data = NULL;
}
