/* Memory that is written and executed. */
#include "writable.h"

u8 writable_code[4 * 4096] __attribute__((aligned(4096)));
u8 cold_code_area[COLD_AREA] __attribute__((aligned(4096)));
