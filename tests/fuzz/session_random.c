/* Input for the protocols that is wrong in every way, from a seed:  session-random gdb|qmp SEED N
 * or from files, as the fuzzers leave them:                         session-random gdb|qmp FILE...
 */
#include "tests/fuzz/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const gdb_words[] = {"?",
                                        "g",
                                        "p8",
                                        "P8=00100000",
                                        "m1000,40",
                                        "M500,4:01020304",
                                        "X500,2:ab",
                                        "Z0,fff0,1",
                                        "z0,fff0,1",
                                        "Z2,500,4",
                                        "Z4,0,1000",
                                        "c",
                                        "s",
                                        "vCont;c",
                                        "vCont;s:1",
                                        "bs",
                                        "bc",
                                        "D",
                                        "k",
                                        "R",
                                        "H",
                                        "qSupported:swbreak+",
                                        "qXfer:features:read:target.xml:0,fff",
                                        "QStartNoAckMode",
                                        "qqemu.sstep",
                                        "Qqemu.sstep=1",
                                        "Qqemu.PhyMemMode:1",
                                        "qRcmd,73746570",
                                        "qRcmd,696e666f20746c62",
                                        "G00",
                                        "!",
                                        "qThreadExtraInfo,1",
                                        "vCont?",
                                        "vKill;1",
                                        "Cff;1000",
                                        "S05"};
static const char *const qmp_words[] = {
    "{\"execute\":\"qmp_capabilities\"}",
    "{\"execute\":\"query-status\"}",
    "{\"execute\":\"cont\"}",
    "{\"execute\":\"stop\"}",
    "{\"execute\":\"system_reset\"}",
    "{\"execute\":\"query-commands\"}",
    "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info registers\"}}",
    "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"stop-on vector 8\"}}",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\u0000",
    "'",
    "{\"execute\":",
    "1e99",
    "null,",
    "{\"id\":[[[[]]]],"};

static u64 next(u64 *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* A word in the protocol's frame, with a mistake now and then. */
static size_t put(enum session_protocol protocol, u64 *seed, char *out)
{
    unsigned n = protocol == SESSION_GDB ? ARRAY_LEN(gdb_words) : ARRAY_LEN(qmp_words);
    const char *const *words = protocol == SESSION_GDB ? gdb_words : qmp_words;
    const char *word = words[next(seed) % n];
    size_t len = strlen(word);
    u8 sum = 0;

    if (protocol == SESSION_QMP) {
        memcpy(out, word, len);
        out[len++] = next(seed) % 4 ? '\n' : ' ';
    } else {
        out[0] = '$';
        memcpy(out + 1, word, len);
        if (next(seed) % 4 == 0)
            out[1 + next(seed) % len] = (char)next(seed);
        for (size_t i = 1; i <= len; i++)
            sum = (u8)(sum + (u8)out[i]);
        len += 1 + (size_t)sprintf(out + 1 + len, "#%02x", sum);
    }
    if (next(seed) % 8 == 0)
        out[next(seed) % len] = (char)next(seed);
    return len;
}

static void run_random(enum session_protocol protocol, u64 seed)
{
    static char text[64 * 256];
    size_t n = 0;

    seed = seed * 0x9e3779b97f4a7c15ull + 1;
    for (unsigned i = 0; i < 48; i++)
        n += put(protocol, &seed, text + n);
    session_feed(protocol, (const u8 *)text, n);
}

static bool run_file(enum session_protocol protocol, const char *path)
{
    static u8 data[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return false;
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    session_feed(protocol, data, n);
    return true;
}

int main(int argc, char **argv)
{
    enum session_protocol protocol =
        argc > 1 && !strcmp(argv[1], "qmp") ? SESSION_QMP : SESSION_GDB;
    char *end = "";
    u64 first = argc > 3 ? strtoull(argv[2], &end, 0) : 0;

    if (argc == 4 && !*end) {
        session_sandbox();
        for (u64 i = 0; i < strtoull(argv[3], NULL, 0); i++)
            run_random(protocol, first + i);
        return 0;
    }
    for (int i = 2; i < argc; i++)
        if (!run_file(protocol, argv[i]))
            return 1;
    return argc < 3;
}
