/* What the program says that it is. QEMU's version is the one whose monitors these are modelled on:
 * clients look at it. */
#ifndef FRONTEND_VERSION_H
#define FRONTEND_VERSION_H

#define ORRERY_NAME "Orrery 0.1"

enum { QEMU_MAJOR = 7, QEMU_MINOR = 2, QEMU_MICRO = 0 };

#endif
