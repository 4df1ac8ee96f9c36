/* The beep of character 7. */
#ifndef BIOS_VGA_BELL_H
#define BIOS_VGA_BELL_H

void bell(void);

#endif
