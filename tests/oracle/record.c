/* Random trials with the results of a host's CPU, as a file, so that hosts of other kinds can be
 * held to them. The file, compressed by zlib, holds what the generator must know to draw the same
 * trials again (facts of the host, encodings of all forms, seed), and for each trial a check sum of
 * what goes in and what of the result is not as the plainest instruction would leave it.
 *
 * The generator may learn new forms without harm: trials are drawn from the file's. When it draws
 * otherwise the check sums tell, and the file must be written anew. */
#include "tests/oracle/oracle.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAGIC "Orrery oracle 1\n"
/* In place of a check sum. */
enum { END = 0, NO_RESULT = 1, FIRST_SUM = 2 };
enum { GAP = 4 }; /* equal bytes that part two ranges of memory */

struct recording {
    gzFile file;
    bool writing, broken, has_result;
    u64 seed;
    u16 *forms;
    u8 usual_data[DATA_SIZE];
};

/* -- bytes -- */

static void put(struct recording *r, const void *p, unsigned n)
{
    r->broken |= gzwrite(r->file, p, n) != (int)n;
}

static bool get(struct recording *r, void *p, unsigned n)
{
    r->broken |= gzread(r->file, p, n) != (int)n;
    return !r->broken;
}

/* In either direction. */
static void pass(struct recording *r, void *p, unsigned n)
{
    if (r->writing)
        put(r, p, n);
    else
        get(r, p, n);
}

static void pass_facts(struct recording *r, struct host_facts *f)
{
    pass(r, &f->features, 8);
    pass(r, &f->cpu, 4);
    pass(r, &f->ldt, 1);
    pass(r, &f->intel, 1);
    pass(r, &r->seed, 8);
}

static struct recording *open_file(const char *path, bool writing)
{
    struct recording *r = calloc(1, sizeof(*r));
    CHECK(r, "out of memory");
    r->writing = writing;
    r->file = gzopen(path, writing ? "wb9" : "rb");
    if (r->file)
        return r;
    free(r);
    return NULL;
}

struct recording *recording_open(const char *path, char *why, size_t size)
{
    char magic[sizeof(MAGIC)] = "";
    struct host_facts facts = {0};
    struct recording *r = open_file(path, false);
    snprintf(why, size, "cannot read %s", path);
    if (!r)
        return NULL;
    if (get(r, magic, sizeof(MAGIC) - 1) && !strcmp(magic, MAGIC)) {
        pass_facts(r, &facts);
        host_use(&facts);
        if (!r->broken)
            return r;
    }
    snprintf(why, size, "%s is no recording of trials", path);
    recording_close(r);
    return NULL;
}

struct recording *recording_create(const char *path, u64 seed)
{
    struct recording *r = open_file(path, true);
    struct host_facts facts = *host_facts();
    if (!r)
        return NULL;
    r->seed = seed;
    put(r, MAGIC, sizeof(MAGIC) - 1);
    pass_facts(r, &facts);
    return r;
}

bool recording_close(struct recording *r)
{
    if (r->writing)
        put(r, &(u8){END}, 1);
    bool good = gzclose(r->file) == Z_OK && !r->broken;
    free(r->forms);
    free(r);
    return good;
}

/* -- forms -- */

/* What names a form in the file; the x87's names are Capstone's, whose versions differ. */
static u8 form_key(const struct form *f, char *key, size_t size)
{
    bool x87 = insn_table[f->row].isa == ISA_FPU;
    return (u8)snprintf(key, size, "%c%s %s", f->skip ? '-' : '+', f->encoding, x87 ? "" : f->name);
}

static u16 find_form(const struct forms *f, const char *key)
{
    char text[64];
    for (unsigned i = 0; i < f->len; i++) {
        form_key(&f->form[i], text, sizeof(text));
        if (!strcmp(text + 1, key + 1))
            return (u16)i;
    }
    return UINT16_MAX;
}

static bool read_forms(struct recording *r, const struct forms *f, u16 n, char *why, size_t size)
{
    char key[256];
    u8 len;
    for (unsigned i = 0; i < n; i++) {
        if (!get(r, &len, 1) || !get(r, key, len)) {
            snprintf(why, size, "the recording ends early");
            return false;
        }
        key[len] = 0;
        r->forms[i] = key[0] == '+' ? find_form(f, key) : UINT16_MAX;
        if (key[0] == '+' && r->forms[i] == UINT16_MAX) {
            snprintf(why, size, "the form %s is not known", key + 1);
            return false;
        }
    }
    return true;
}

bool recording_forms(struct recording *r, const struct forms *f, struct gen *g, char *why,
                     size_t size)
{
    u16 n = (u16)f->len;
    char key[64];
    pass(r, &n, 2);
    if (r->writing) {
        for (unsigned i = 0; i < n; i++) {
            u8 len = form_key(&f->form[i], key, sizeof(key));
            put(r, &len, 1);
            put(r, key, len);
        }
        return true;
    }
    r->forms = calloc(n + 1u, sizeof(*r->forms));
    CHECK(r->forms, "out of memory");
    if (!read_forms(r, f, n, why, size))
        return false;
    gen_draw_from(g, r->forms, n);
    return true;
}

/* -- trials -- */

static u8 check_sum(const struct trial *t)
{
    uLong sum = crc32(0, t->code, trial_len(t));
    sum = crc32(sum, (const u8 *)t->in.gpr, sizeof(t->in.gpr));
    sum = crc32(sum, (const u8 *)&t->in.eflags, 4);
    sum = crc32(sum, (const u8 *)&t->in.eip, 4);
    sum = crc32(sum, (const u8 *)t->in.seg, sizeof(t->in.seg));
    sum = crc32(sum, t->in.fx, sizeof(t->in.fx));
    sum = crc32(sum, (const u8 *)&t->undefined, 4);
    sum = crc32(sum, t->patch_bytes, t->npatch_bytes);
    return (u8)(FIRST_SUM + sum % (256 - FIRST_SUM));
}

bool recording_next(struct recording *r, struct gen *g, struct trial *t, char *why, size_t size)
{
    u8 sum;
    *why = 0;
    do
        r->seed = rnd64(&r->seed);
    while (!gen_trial(g, t, r->seed, NULL));
    if (r->writing)
        return true;
    if (!get(r, &sum, 1))
        snprintf(why, size, "the recording ends early");
    else if (sum != NO_RESULT && sum != END && sum != check_sum(t))
        snprintf(why, size, "the generator draws other trials than it did: write the file anew");
    r->has_result = sum != NO_RESULT;
    return !*why && sum != END;
}

/* -- results: a mask of the items that are not as usual, these items, ranges of memory -- */

enum { ITEM_GPR, ITEM_SEG = 8, ITEM_WORDS = 14, ITEM_FX = 19, ITEM_ST = 24, ITEM_XMM = 32 };
enum { ITEMS = 40, MASK_BYTES = 5 };

/* What HLT behind the code finds if nothing else happens. */
static struct trial_state usual_state(const struct trial *t)
{
    struct trial_state s = t->in;
    s.eip += trial_len(t);
    s.vector = 13;
    s.error = s.cr2 = 0;
    return s;
}

/* ST as the register file has them, so that pushes change one. */
static u8 *item_at(struct trial_state *s, unsigned i, unsigned *size)
{
    static const struct {
        u8 at, size;
    } fx[] = {{0, 2}, {2, 2}, {4, 1}, {8, 4}, {24, 4}}; /* FCW, FSW, tags, FIP, MXCSR */
    u32 *const words[] = {&s->eflags, &s->eip, &s->vector, &s->error, &s->cr2};
    *size = 4;
    if (i < ITEM_SEG)
        return (u8 *)&s->gpr[i - ITEM_GPR];
    if (i >= ITEM_WORDS && i < ITEM_FX)
        return (u8 *)words[i - ITEM_WORDS];
    *size = i < ITEM_WORDS ? 2 : i >= ITEM_XMM ? 16 : i >= ITEM_ST ? 10 : fx[i - ITEM_FX].size;
    if (i < ITEM_WORDS)
        return (u8 *)&s->seg[i - ITEM_SEG];
    if (i >= ITEM_XMM)
        return s->fx + 160 + 16 * (i - ITEM_XMM);
    if (i >= ITEM_ST)
        return s->fx + 32 + 16 * ((i - ITEM_ST - (s->fx[3] >> 3)) & 7);
    return s->fx + fx[i - ITEM_FX].at;
}

static bool equal_from(const u8 *a, const u8 *b, unsigned from)
{
    unsigned n = DATA_SIZE - from < GAP ? DATA_SIZE - from : GAP;
    return !memcmp(a + from, b + from, n);
}

static void put_memory(struct recording *r, const u8 *data)
{
    const u8 *usual = r->usual_data;
    u16 range[2] = {0, 0};
    for (unsigned i = 0; i < DATA_SIZE; i++) {
        if (data[i] == usual[i])
            continue;
        range[0] = (u16)i;
        while (i < DATA_SIZE && !equal_from(data, usual, i))
            i++;
        range[1] = (u16)(i - range[0]);
        put(r, range, 4);
        put(r, data + range[0], range[1]);
    }
    put(r, (u16[]){0, 0}, 4);
}

static void get_memory(struct recording *r, u8 *data)
{
    u16 range[2];
    memcpy(data, r->usual_data, DATA_SIZE);
    while (get(r, range, 4) && range[1]) {
        if (range[0] + range[1] > (int)DATA_SIZE)
            r->broken = true;
        else
            get(r, data + range[0], range[1]);
    }
}

static void usual_memory(struct recording *r, const struct trial *t)
{
    memcpy(r->usual_data, background(), DATA_SIZE);
    trial_fill(t, r->usual_data);
}

void recording_put(struct recording *r, const struct trial *t, const struct trial_state *out,
                   const u8 *data)
{
    struct trial_state usual = usual_state(t), s = *out;
    u8 mask[MASK_BYTES] = {0}, sum = check_sum(t);
    u32 compared = FLAGS_COMPARED & ~t->undefined;
    unsigned size;
    s.eflags = (s.eflags & compared) | (usual.eflags & ~compared);
    for (unsigned i = 0; i < ITEMS; i++) {
        const u8 *was = item_at(&usual, i, &size), *is = item_at(&s, i, &size);
        if (memcmp(was, is, size))
            mask[i / 8] |= (u8)(1u << i % 8);
    }
    put(r, &sum, 1);
    put(r, mask, sizeof(mask));
    for (unsigned i = 0; i < ITEMS; i++) {
        const u8 *is = item_at(&s, i, &size);
        if (mask[i / 8] >> i % 8 & 1)
            put(r, is, size);
    }
    usual_memory(r, t);
    put_memory(r, data);
}

void recording_put_none(struct recording *r)
{
    put(r, &(u8){NO_RESULT}, 1);
}

bool recording_get(struct recording *r, const struct trial *t, struct trial_state *out, u8 *data)
{
    struct trial_state usual = usual_state(t);
    u8 mask[MASK_BYTES] = {0}, *was;
    unsigned size;
    if (!r->has_result)
        return false;
    *out = usual;
    get(r, mask, sizeof(mask));
    for (unsigned i = 0; i < ITEMS;
         i++) { /* the status word, whose TOP tells where ST is, is before ST */
        u8 *is = item_at(out, i, &size);
        was = item_at(&usual, i, &size);
        memcpy(is, was, size);
        if (mask[i / 8] >> i % 8 & 1)
            get(r, is, size);
    }
    usual_memory(r, t);
    get_memory(r, data);
    return !r->broken;
}
