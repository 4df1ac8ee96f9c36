/* The packed argument of the helpers for INS and OUTS. */
#ifndef CPU_HELP_IO_H
#define CPU_HELP_IO_H

#define IO_STRING(size, addrsize, seg, rep)                                                        \
    ((u32)(size) | (u32)(addrsize) << 8 | (u32)(seg) << 16 | (u32)(rep) << 24)

/* Beside the size of a single IN or OUT: the port is an immediate. */
#define IO_IMMEDIATE 0x100

#endif
