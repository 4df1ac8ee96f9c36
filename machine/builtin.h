/* Firmware images inside the program, made from bios/ when it is built. */
#ifndef MACHINE_BUILTIN_H
#define MACHINE_BUILTIN_H

extern const unsigned char builtin_bios[];
extern const unsigned long builtin_bios_size;

#endif
