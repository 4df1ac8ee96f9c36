/* Code page 437 for terminals. */
#ifndef FRONTEND_CP437_H
#define FRONTEND_CP437_H

#include <stdint.h>

/* Unicode's characters for the 256 glyphs. */
extern const uint16_t cp437_unicode[256];
/* What comes nearest in ASCII. */
char cp437_ascii(uint8_t code);

#endif
