/* GDB's remote serial protocol over a character device: -gdb, -s. */
#ifndef FRONTEND_GDB_H
#define FRONTEND_GDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;
struct gdb;

/* The one of the options, if there is one. False after a complaint. */
bool gdb_open(struct session *s);
void gdb_close(struct session *s);
/* While the machine runs: to another device ("none": none). False after a complaint; not for one
 * that is on standard input, nor from GDB itself. */
bool gdb_move(struct session *s, const char *device);

/* ---- inside: gdb.c, gdb_packets.c, gdb_run.c, gdb_regs.c ---- */

#define GDB_PACKET 16384 /* bytes of one, at most */

/* An answer under construction. */
struct gdb_reply {
    char text[2 * GDB_PACKET + 64];
    size_t n;
    bool raw; /* not an answer: it has been sent, or is sent later */
};

void gdb_put(struct gdb_reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gdb_put_hex(struct gdb_reply *r, const void *data, size_t n);
/* With what has a meaning in packets escaped. */
void gdb_put_binary(struct gdb_reply *r, const void *data, size_t n);
/* Hexadecimal digits become bytes. False: they are something else, or not so many. */
bool gdb_hex(const char *text, uint8_t *out, size_t n);

struct gdb_target {
    struct session *session;
    bool physical;         /* addresses of memory are physical */
    unsigned step_bits;    /* as QEMU's sstepbits */
    bool swbreak, hwbreak; /* it understands these in stop replies */
    bool waiting;          /* it has let the guest run, and wants to hear when it stands */
    bool detached;
    bool no_ack; /* packets are no longer acknowledged */
    bool wide;   /* registers are those of 64-bit mode */
    char *xml;   /* the description that is being read */
};

/* QEMU's bits: step on; interrupts, timers off. */
enum { GDB_STEP_ENABLE = 1, GDB_STEP_NOIRQ = 2, GDB_STEP_NOTIMER = 4 };

/* Answers one packet; data is text that ends with a zero, n bytes long. */
void gdb_packet(struct gdb_target *t, const char *data, size_t n, struct gdb_reply *r);

/* Text for GDB's console. */
void gdb_output(struct gdb_target *t, const char *text, size_t n);

/* -- gdb_run.c -- */

/* Packets that let the guest run, forwards or back; "vCont;..." without that. */
void gdb_continue(struct gdb_target *t, bool step, struct gdb_reply *r);
bool gdb_vcont(struct gdb_target *t, const char *actions, struct gdb_reply *r);
void gdb_reverse(struct gdb_target *t, bool step, struct gdb_reply *r);
/* Why the guest stands, as a stop reply. */
void gdb_put_stop(const struct gdb_target *t, struct gdb_reply *r);
/* The same in words, if GDB's own do not say it. False: they do. */
bool gdb_explain(const struct gdb_target *t, char *text, size_t size);

/* -- gdb_regs.c -- */

unsigned gdb_registers(const struct gdb_target *t);
/* Its place among the library's; NULL: there is no such number. */
bool gdb_put_register(const struct gdb_target *t, unsigned reg, struct gdb_reply *r);
void gdb_put_registers(const struct gdb_target *t, struct gdb_reply *r);
/* hex begins with the value's digits; *used: how many they are. */
bool gdb_write_register(const struct gdb_target *t, unsigned reg, const char *hex, size_t *used);
/* The target description, allocated: of 64-bit mode or not, which is decided anew. */
char *gdb_description(struct gdb_target *t);

#endif
