/* Memory that may be written and executed: the program's own, linked with -N. */
#ifndef BENCH_WRITABLE_H
#define BENCH_WRITABLE_H

#include "kernel.h"

#define COLD_AREA (16u << 20)

extern u8 writable_code[4 * 4096], cold_code_area[COLD_AREA];

#define WRITABLE_CODE writable_code
#define COLD_CODE     cold_code_area

#endif
