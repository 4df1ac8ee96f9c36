/* A small builder of AML, the byte code of ACPI's DSDT (ACPI 3.0, chapters 6.4 and 19). Names are
 * one segment of four characters, with a leading backslash if absolute.
 *
 *     u32 dev = aml_device(&a, "COM1");
 *     aml_name(&a, "_HID"), aml_eisaid(&a, "PNP0501");
 *     aml_end(&a, dev);
 */
#ifndef DEVICES_AML_H
#define DEVICES_AML_H

#include "base/types.h"

struct aml {
    u8 *buf;
    u32 size; /* of buf: running over it is a bug */
    u32 len;
};

/* Each opens a term that lasts until aml_end() is given the mark. */
u32 aml_scope(struct aml *a, const char *name);
u32 aml_device(struct aml *a, const char *name);
u32 aml_package(struct aml *a, u8 elements);
void aml_end(struct aml *a, u32 mark);

void aml_name(struct aml *a, const char *name); /* Name (name, the value that follows) */
void aml_int(struct aml *a, u32 value);
void aml_eisaid(struct aml *a, const char *id); /* "PNP0501" as a number */

/* A resource template under construction. */
struct aml_resources {
    u8 bytes[256];
    u32 len;
};

void aml_res_io(struct aml_resources *r, u16 port, u8 count);
void aml_res_irq(struct aml_resources *r, unsigned line); /* edge triggered, active high */

void aml_res_dma(struct aml_resources *r, unsigned channel); /* bytes, one at a time */
void aml_res_memory(struct aml_resources *r, u32 base, u32 size);

/* Windows that a bridge passes on, both ends included. */
void aml_res_bus_window(struct aml_resources *r, u16 first, u16 last);
void aml_res_io_window(struct aml_resources *r, u16 first, u16 last);
void aml_res_mem_window(struct aml_resources *r, u32 first, u32 last);

/* The template as a buffer, with its end tag. */
void aml_resources(struct aml *a, const struct aml_resources *r);

#endif
