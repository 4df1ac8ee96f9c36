/* What the other end of a protocol does to a session. */
#include "tests/fuzz/session.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/session.h"

enum { PIECE = 256, PATIENCE = 2 /* slices that a running guest gets */ };

struct feeder {
    struct session *session;
    struct chr *chr;
    const u8 *data;
    size_t size, at;
    unsigned slices;
    struct loop_source source;
};

static void prepare(void *opaque, struct loop *loop)
{
    (void)opaque;
    loop_within(loop, 0);
}

/* The next piece once the guest stands, or has run for long enough. */
static void dispatch(void *opaque, struct loop *loop)
{
    struct feeder *f = opaque;
    size_t n = f->size - f->at < PIECE ? f->size - f->at : PIECE;

    (void)loop;
    if (!f->session->paused && f->slices++ < PATIENCE)
        return;
    f->slices = 0;
    session_pause(f->session);
    if (!n)
        f->session->quit = true;
    chr_take(f->chr, f->data + f->at, n);
    f->at += n;
}

static void run(struct session *s, const u8 *data, size_t size)
{
    struct feeder f = {.session = s, .chr = chr_find(s, "other"), .data = data, .size = size};
    char err[256];

    s->machine = orrery_create(&s->options.config, err, sizeof(err));
    CHECK(s->machine, "%s", err);
    CHECK(orrery_history_start(s->machine, 16 << 20, err, sizeof(err)), "%s", err);
    f.source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = &f};
    loop_add(&s->loop, &f.source);
    session_start_chardevs(s);
    session_run(s);
    session_stop_chardevs(s);
    orrery_free(s->machine);
}

void session_feed(enum session_protocol protocol, const u8 *data, size_t size)
{
    static const char *const option[] = {[SESSION_GDB] = "-gdb", [SESSION_QMP] = "-qmp"};
    char words[][20] = {"orrery",
                        "-nodefaults",
                        "-display",
                        "none",
                        "-serial",
                        "null",
                        "-m",
                        "2",
                        "-S",
                        "-accel",
                        "interp",
                        "-chardev",
                        "ringbuf,id=other",
                        "",
                        "chardev:other"};
    char *argv[ARRAY_LEN(words)];
    struct session *s = calloc(1, sizeof(*s));

    CHECK(s, "out of memory");
    strcpy(words[13], option[protocol]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        argv[i] = words[i];
    CHECK(options_parse(&s->options, ARRAY_LEN(argv), argv) && session_chardevs(s),
          "the options are wrong");
    run(s, data, size);
    free(s);
}

static char folder[] = "/tmp/orrery-fuzz-XXXXXX";

static void leave(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (chdir("/") || system(command))
        fputs("the folder of the run is still there\n", stderr);
}

void session_sandbox(void)
{
    struct rlimit small = {1 << 20, 1 << 20};

    CHECK(mkdtemp(folder) && !chdir(folder), "no folder");
    atexit(leave);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
}
