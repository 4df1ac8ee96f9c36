/* The outer form of a snapshot file: a head, then sections, each with a tag, a length and a
 * checksum, compressed with Zstandard where Orrery was built with it and that gains something. The
 * last one is "END " and counts the others. All integers are little-endian.
 *
 *     head      "ORRERYS\n", u32 version
 *     section   4 bytes tag, u8 method (0 as it is, 1 Zstandard), u32 length of its contents, u32
 *               length in the file, u64 state hash (base/hash.h) of those 13 bytes and what
 *               follows; then that */
#ifndef MACHINE_SNAPIO_H
#define MACHINE_SNAPIO_H

#include <stdio.h>

#include "base/pack.h"

#define SNAPFILE_VERSION 1u
#define SECTION_MAX      (64u << 20) /* bytes of contents */

struct snap_out {
    FILE *file;
    u32 sections;
    const char *failed; /* why nothing more is written, or NULL */
};

void snap_begin(struct snap_out *out, FILE *file);
/* Writes p's contents as a section and empties it. */
void snap_put(struct snap_out *out, const char tag[4], struct pack *p);
/* Ends the file; returns why it failed, or NULL. It is not closed. */
const char *snap_end(struct snap_out *out);

struct snap_in {
    FILE *file;
    u32 sections;
    char tag[5];
    u8 *data; /* contents of the section read last; snap_close() frees it */
    struct unpack body;
    char why[160]; /* what is wrong with the file */
};

/* False with in->why: it is no such file. */
bool snap_open(struct snap_in *in, FILE *file);
/* The next section into tag and body. False at the end, or with in->why set. */
bool snap_next(struct snap_in *in);
void snap_close(struct snap_in *in);

bool snap_can_compress(void);

#endif
