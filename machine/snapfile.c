/* Snapshots in files. Sections (snapio.h): "CONF", ticks, virtual nanoseconds and the
 * text of describe.c, which must agree;
 * "STAT", the state (state.h) in one or more pieces; "PAGE", memory: area, number of a chunk of
 * pages, a bit for each of them that is not all zeros, and those; then what snapdisks.c has. A file
 * is read and checked as a whole before anything of the machine changes. */
#include "machine/snapfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "machine/snapshot_int.h"
#include "machine/state.h"

#define STATE_PIECE (4u << 20)
#define BITS_BYTES  (CHUNK_PAGES / 8)

static bool fail(char *err, size_t size, const char *path, const char *why)
{
    snprintf(err, size, "snapshot '%s': %s", path, why);
    return false;
}

/* -- saving -- */

static void save_chunk(struct snap_out *out, struct pack *p, unsigned area, const struct pages *t,
                       u64 chunk)
{
    u8 bits[BITS_BYTES] = {0};

    if (!t->chunk[chunk])
        return;
    for (u32 i = 0; i < CHUNK_PAGES; i++)
        bits[i / 8] |= (u8)((t->chunk[chunk]->page[i] != NULL) << i % 8);
    pack_uint(p, area, 1);
    pack_uint(p, chunk, 4);
    pack_bytes(p, bits, sizeof(bits));
    for (u32 i = 0; i < CHUNK_PAGES; i++)
        if (t->chunk[chunk]->page[i])
            pack_bytes(p, t->chunk[chunk]->page[i]->data, PAGE_SIZE);
    snap_put(out, "PAGE", p);
}

static void save_image(struct snap_out *out, const struct orrery *o, const struct image *im)
{
    struct pack p = {0};
    u8 *state = image_state(im);

    pack_uint(&p, clock_ticks((struct clock *)&o->clock), 8);
    pack_uint(&p, orrery_time_ns(o), 8);
    pack_text(&p, o->config_text);
    snap_put(out, "CONF", &p);
    for (size_t at = 0; at < im->state_len; at += STATE_PIECE) {
        size_t left = im->state_len - at;
        pack_bytes(&p, state + at, left < STATE_PIECE ? left : STATE_PIECE);
        snap_put(out, "STAT", &p);
    }
    for (unsigned area = 0; area < im->areas; area++)
        for (u64 i = 0; i < pages_chunks(&im->area[area]); i++)
            save_chunk(out, &p, area, &im->area[area], i);
    free(state);
    free(p.data);
}

static bool write_file(struct orrery *o, FILE *file, const char *path, char *err, size_t size)
{
    struct snapshot *s = snapshot_take(o);
    struct snap_out out;
    char why[200] = "";
    bool disks;

    if (!s)
        return fail(err, size, path, "out of memory");
    snap_begin(&out, file);
    save_image(&out, o, &s->image);
    disks = snap_disks_save(o, &out, why, sizeof(why));
    if (!snap_end(&out) && fsync(fileno(file)))
        out.failed = strerror(errno);
    snapshot_free(s);
    if (!disks || out.failed)
        return fail(err, size, path, disks ? out.failed : why);
    return true;
}

bool orrery_save(struct orrery *o, const char *path, char *err, size_t size)
{
    size_t room = strlen(path) + 8;
    char *part = malloc(room);
    FILE *file = NULL;
    mode_t mask = umask(0);
    bool ok = false;
    int fd = -1;

    umask(mask);
    if (part) {
        snprintf(part, room, "%s.XXXXXX", path);
        fd = mkstemp(part);
    }
    if (fd >= 0 && !fchmod(fd, 0666 & ~mask))
        file = fdopen(fd, "wb");
    if (!file) {
        fail(err, size, path, part ? strerror(errno) : "out of memory");
        if (fd >= 0)
            close(fd);
    } else {
        ok = write_file(o, file, path, err, size);
        ok = !fclose(file) && ok;
        if (ok && rename(part, path))
            ok = fail(err, size, path, strerror(errno));
    }
    if (!ok && fd >= 0)
        unlink(part);
    free(part);
    return ok;
}

/* -- loading -- */

struct loading {
    struct orrery *o;
    struct snapshot *snapshot;
    struct snap_disks *disks;
    struct pack state;
    bool configured;
    char *err;
    size_t err_size;
};

static bool nonsense(struct loading *l)
{
    snprintf(l->err, l->err_size, "its contents make no sense");
    return false;
}

/* A line of a text: how long, and up to where it says what it is about. */
static int line_len(const char *line)
{
    return (int)strcspn(line, "\n");
}

static int key_len(const char *line)
{
    int n = (int)strcspn(line, "=\n");

    return line[n] == '=' ? n : 0;
}

static const char *next_line(const char *line)
{
    line += line_len(line);
    return *line ? line + 1 : line;
}

/* The line of text that is the same as this one; else, with *like, the last one about the same. */
static bool has_line(const char *text, const char *line, const char **like)
{
    int n = line_len(line), key = key_len(line);

    *like = NULL;
    for (; *text; text = next_line(text)) {
        if (line_len(text) == n && !memcmp(text, line, (size_t)n))
            return true;
        if (key_len(text) == key && !memcmp(text, line, (size_t)key))
            *like = text;
    }
    return false;
}

/* Of what both speak they must say the same. (A later version may speak of more; its devices are
 * compared in any case.) */
static bool same_config(struct loading *l, const char *was, const char *is)
{
    const char *like;

    for (const char *line = was; *line; line = next_line(line)) {
        if (has_line(is, line, &like))
            continue;
        snprintf(l->err, l->err_size, "of another machine: it has '%.*s', this one %s%.*s%s",
                 line_len(line), line, like ? "'" : "not", like ? line_len(like) : 0,
                 like ? like : "", like ? "'" : "");
        return false;
    }
    for (const char *line = is; *line; line = next_line(line)) {
        if (has_line(was, line, &like) || !like)
            continue;
        snprintf(l->err, l->err_size, "of another machine: this one has '%.*s'", line_len(line),
                 line);
        return false;
    }
    return true;
}

static bool take_config(struct loading *l, struct unpack *in)
{
    const char *was;

    unpack_bytes(in, 16); /* for orrery_snapshot_info() */
    was = unpack_text(in);
    if (in->failed || in->at != in->end || l->configured)
        return nonsense(l);
    l->configured = true;
    return same_config(l, was, l->o->config_text);
}

static bool take_chunk(struct loading *l, struct unpack *in)
{
    u64 area = unpack_uint(in, 1), chunk = unpack_uint(in, 4);
    const u8 *bits = unpack_bytes(in, BITS_BYTES);
    struct image *im = &l->snapshot->image;
    struct pages *t = area < im->areas ? &im->area[area] : NULL;

    if (!bits || !t || chunk >= pages_chunks(t))
        return nonsense(l);
    for (u32 i = 0; i < CHUNK_PAGES; i++) {
        u64 n = chunk * CHUNK_PAGES + i;
        const u8 *data = bits[i / 8] >> i % 8 & 1 ? unpack_bytes(in, PAGE_SIZE) : NULL;

        if (in->failed || (data && n >= t->count))
            return nonsense(l);
        if (data && !pages_put(t, n, data)) {
            snprintf(l->err, l->err_size, "out of memory");
            return false;
        }
    }
    return in->at == in->end || nonsense(l);
}

static bool take_section(struct loading *l, const char *tag, struct unpack *in)
{
    if (!l->configured)
        return !strcmp(tag, "CONF") ? take_config(l, in) : nonsense(l);
    if (!strcmp(tag, "STAT")) {
        pack_bytes(&l->state, in->at, (size_t)(in->end - in->at));
        return !l->state.failed || nonsense(l);
    }
    if (!strcmp(tag, "PAGE"))
        return take_chunk(l, in);
    if (!strcmp(tag, "MEDI") || !strcmp(tag, "DISK") || !strcmp(tag, "DATA"))
        return snap_disks_take(l->disks, tag, in, l->err, l->err_size);
    return nonsense(l);
}

/* Reads all of the file, and looks whether it may be applied. */
static bool read_file(struct loading *l, FILE *file)
{
    struct snap_in in;
    bool ok = snap_open(&in, file);

    while (ok && snap_next(&in))
        ok = take_section(l, in.tag, &in.body);
    snap_close(&in);
    if (in.why[0]) {
        snprintf(l->err, l->err_size, "%s", in.why);
        return false;
    }
    if (!ok)
        return false;
    if (!l->configured)
        return nonsense(l);
    return snap_disks_check(l->disks, l->err, l->err_size) &&
           state_check(l->o, l->state.data, l->state.len, l->err, l->err_size);
}

static bool begin(struct loading *l)
{
    l->snapshot = snapshot_new(l->o);
    l->disks = snap_disks_new(l->o);
    if (l->snapshot && l->disks && image_init(l->o, &l->snapshot->image, &l->o->present->used))
        return true;
    snprintf(l->err, l->err_size, "out of memory");
    return false;
}

/* What has been before the file's moment is not this machine's past: a history begins anew. */
static bool apply(struct loading *l)
{
    struct orrery *o = l->o;
    struct orrery_history_info history;
    bool has_history = orrery_history_info(o, &history);
    char err[100];

    if (!image_set_state(&l->snapshot->image, l->state.data, l->state.len, &o->present->used)) {
        snprintf(l->err, l->err_size, "out of memory");
        return false;
    }
    orrery_history_stop(o);
    snap_disks_apply(l->disks);
    snapshot_restore(o, l->snapshot);
    o->error[0] = 0;
    o->idle_since = o->idle_after = 0;
    if (has_history) /* without memory for it there is none */
        orrery_history_start(o, history.budget, err, sizeof(err));
    return true;
}

static bool load(struct orrery *o, FILE *file, char *why, size_t size)
{
    struct loading l = {.o = o, .err = why, .err_size = size};
    bool ok = begin(&l) && read_file(&l, file) && apply(&l);

    snap_disks_free(l.disks);
    snapshot_free(l.snapshot);
    free(l.state.data);
    return ok;
}

bool orrery_load(struct orrery *o, const char *path, char *err, size_t size)
{
    char why[300] = "";
    struct stat st;
    FILE *file;
    bool ok;

    if (journal_mode(o->journal) != JOURNAL_LIVE)
        return fail(err, size, path, "not while a journal is recorded or replayed");
    file = fopen(path, "rb");
    if (!file)
        return fail(err, size, path, strerror(errno));
    if (fstat(fileno(file), &st) || !S_ISREG(st.st_mode)) {
        fclose(file);
        return fail(err, size, path, "is no file");
    }
    ok = load(o, file, why, sizeof(why));
    fclose(file);
    return ok || fail(err, size, path, why);
}

bool orrery_snapshot_info(const char *path, struct orrery_snapshot_info *out)
{
    FILE *file = fopen(path, "rb");
    struct snap_in in;
    struct stat st;
    bool ok = false;

    if (!file)
        return false;
    if (!fstat(fileno(file), &st) && S_ISREG(st.st_mode) && snap_open(&in, file)) {
        ok = snap_next(&in) && !strcmp(in.tag, "CONF");
        *out = (struct orrery_snapshot_info){.bytes = (u64)st.st_size, .saved = st.st_mtime};
        if (ok) {
            out->tick = unpack_uint(&in.body, 8);
            out->time_ns = unpack_uint(&in.body, 8);
            ok = !in.body.failed;
        }
        snap_close(&in);
    }
    fclose(file);
    return ok;
}
