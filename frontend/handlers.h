/* Handlers of options that have no header of their own: rows of the table in options.c. `name` is
 * the option's, without hyphens; `arg` its argument, NULL where it takes none. False after one line
 * on standard error. */
#ifndef FRONTEND_HANDLERS_H
#define FRONTEND_HANDLERS_H

#include "frontend/options.h"

typedef bool option_handler(struct options *o, const char *name, const char *arg);

/* options_machine.c */
option_handler opt_memory, opt_machine, opt_accel, opt_smp, opt_vga, opt_device, opt_global;
option_handler opt_serial;
/* options_chardevs.c */
option_handler opt_chardev, opt_monitor;
/* options_cpu.c */
option_handler opt_cpu;
/* options_date.c */
option_handler opt_rtc, opt_localtime, opt_startdate;
/* options_debug.c */
option_handler opt_log, opt_symbols, opt_every, opt_screendump, opt_gdb, opt_stop_on;
/* options_time.c */
option_handler opt_record, opt_history, opt_icount;

#endif
