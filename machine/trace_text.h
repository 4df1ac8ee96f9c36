/* Events of traces in words, a line each. */
#ifndef MACHINE_TRACE_TEXT_H
#define MACHINE_TRACE_TEXT_H

#include "cpu/insn.h"
#include "machine/trace_file.h"

struct trace_texts;

struct trace_texts *trace_texts_new(void); /* NULL: Capstone does not start */
void trace_texts_free(struct trace_texts *t);

/* One instruction, in the words of the monitor; ".byte 0x0f" if it does not decode. */
void trace_disassemble(struct trace_texts *t, const u8 *bytes, unsigned len, enum code_size code,
                       u64 eip, char *buf, size_t size);

/* Of EIP or RIP. */
int trace_eip_digits(const u64 *regs);

/* An event, without its tick. Registers: all after it; before: what they were before it. */
void trace_event_text(struct trace_texts *t, const struct trace_event *e, const u64 *regs,
                      const u64 *before, char *buf, size_t size);

/* "insn", "mem" ... */
const char *trace_kind_name(enum trace_kind kind);

#endif
