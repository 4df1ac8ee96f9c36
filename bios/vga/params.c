/* The video parameter table: register values of the modes (IBM PS/2 Video Subsystem Technical
 * Reference). 29 rows in IBM's order; rows of modes that a VGA does not have are empty. */
#include "bios/vga/modes.h"

#define CGA_16  0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define EGA_16  0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
#define MONO_16 0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18
#define CGA_4   0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define CGA_2                                                                                      \
    0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17
#define MONO_4 0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0
#define WHITE_2                                                                                    \
    0, 0x3f, 0, 0x3f, 0, 0x3f, 0, 0x3f, 0, 0x3f, 0, 0x3f, 0, 0x3f, 0, 0x3f /* by plane 0 */
#define VGA_16 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

/* Horizontal numbers, registers 0 to 5. */
#define H40_TEXT 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0
#define H80_TEXT 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81
#define H40      0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80
#define H80      0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80

/* CRT controller: horizontal, scan lines of a character row and cursor, offset, underline, mode. */
#define CRTC_400(h, scan, start, end, offset, underline, mode)                                     \
    {                                                                                              \
        h, 0xbf, 0x1f, 0, scan, start, end, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, offset, underline, 0x96, \
            0xb9, mode, 0xff                                                                       \
    }
#define CRTC_350(h, scan, start, end, offset, underline, mode)                                     \
    {                                                                                              \
        h, 0xbf, 0x1f, 0, scan, start, end, 0, 0, 0, 0, 0x83, 0x85, 0x5d, offset, underline, 0x63, \
            0xba, mode, 0xff                                                                       \
    }
#define CRTC_480(h, scan, offset, underline, mode)                                                 \
    {                                                                                              \
        h, 0x0b, 0x3e, 0, scan, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf, offset, underline, 0xe7, 0x04, \
            mode, 0xff                                                                             \
    }
#define GC(mode, misc, care)                                                                       \
    {                                                                                              \
        0, 0, 0, 0, 0, mode, misc, care, 0xff                                                      \
    }
#define GC_TEXT   GC(0x10, 0x0e, 0x00)
#define GC_MONO   GC(0x10, 0x0a, 0x00)
#define GC_PLANES GC(0x00, 0x05, 0x0f)

#define TEXT_40_200                                                                                \
    {                                                                                              \
        40, 24, 8, 0x800, {0x09, 0x03, 0x00, 0x02}, 0x63,                                          \
            CRTC_400(H40_TEXT, 0xc7, 6, 7, 0x14, 0x1f, 0xa3), {CGA_16, 0x08, 0x00, 0x0f, 0x00},    \
            GC_TEXT                                                                                \
    }
#define TEXT_80_200                                                                                \
    {                                                                                              \
        80, 24, 8, 0x1000, {0x01, 0x03, 0x00, 0x02}, 0x63,                                         \
            CRTC_400(H80_TEXT, 0xc7, 6, 7, 0x28, 0x1f, 0xa3), {CGA_16, 0x08, 0x00, 0x0f, 0x00},    \
            GC_TEXT                                                                                \
    }
#define TEXT_40_350                                                                                \
    {                                                                                              \
        40, 24, 14, 0x800, {0x09, 0x03, 0x00, 0x02}, 0xa3,                                         \
            CRTC_350(H40_TEXT, 0x4d, 11, 12, 0x14, 0x1f, 0xa3), {EGA_16, 0x08, 0x00, 0x0f, 0x00},  \
            GC_TEXT                                                                                \
    }
#define TEXT_80_350                                                                                \
    {                                                                                              \
        80, 24, 14, 0x1000, {0x01, 0x03, 0x00, 0x02}, 0xa3,                                        \
            CRTC_350(H80_TEXT, 0x4d, 11, 12, 0x28, 0x1f, 0xa3), {EGA_16, 0x08, 0x00, 0x0f, 0x00},  \
            GC_TEXT                                                                                \
    }
#define CGA_320                                                                                    \
    {                                                                                              \
        40, 24, 8, 0x4000, {0x09, 0x03, 0x00, 0x02}, 0x63,                                         \
            CRTC_400(H40, 0xc1, 0, 0, 0x14, 0x00, 0xa2), {CGA_4, 0x01, 0x00, 0x03, 0x00},          \
            GC(0x30, 0x0f, 0x0f)                                                                   \
    }
#define EMPTY                                                                                      \
    {                                                                                              \
        0                                                                                          \
    }

const struct params ROM params_table[29] = {
    [0x00] = TEXT_40_200,
    [0x01] = TEXT_40_200,
    [0x02] = TEXT_80_200,
    [0x03] = TEXT_80_200,
    [0x04] = CGA_320,
    [0x05] = CGA_320,
    [0x06] = {80,
              24,
              8,
              0x4000,
              {0x01, 0x01, 0x00, 0x06},
              0x63,
              CRTC_400(H80, 0xc1, 0, 0, 0x28, 0x00, 0xc2),
              {CGA_2, 0x01, 0x00, 0x01, 0x00},
              GC(0x00, 0x0d, 0x0f)},
    [0x07] = {80,
              24,
              14,
              0x1000,
              {0x00, 0x03, 0x00, 0x03},
              0xa6,
              CRTC_350(H80_TEXT, 0x4d, 11, 12, 0x28, 0x0d, 0xa3),
              {MONO_16, 0x0e, 0x00, 0x0f, 0x08},
              GC_MONO},
    [0x0d] = {40,
              24,
              8,
              0x2000,
              {0x09, 0x0f, 0x00, 0x06},
              0x63,
              CRTC_400(H40, 0xc0, 0, 0, 0x14, 0x00, 0xe3),
              {CGA_16, 0x01, 0x00, 0x0f, 0x00},
              GC_PLANES},
    [0x0e] = {80,
              24,
              8,
              0x4000,
              {0x01, 0x0f, 0x00, 0x06},
              0x63,
              CRTC_400(H80, 0xc0, 0, 0, 0x28, 0x00, 0xe3),
              {CGA_16, 0x01, 0x00, 0x0f, 0x00},
              GC_PLANES},
    [0x11] = {80,
              24,
              14,
              0x8000,
              {0x01, 0x0f, 0x00, 0x06},
              0xa2,
              CRTC_350(H80, 0x40, 0, 0, 0x28, 0x0f, 0xe3),
              {MONO_4, 0x0b, 0x00, 0x05, 0x00},
              GC(0x00, 0x05, 0x05)},
    [0x12] = {80,
              24,
              14,
              0x8000,
              {0x01, 0x0f, 0x00, 0x06},
              0xa3,
              CRTC_350(H80, 0x40, 0, 0, 0x28, 0x0f, 0xe3),
              {EGA_16, 0x01, 0x00, 0x0f, 0x00},
              GC_PLANES},
    [0x13] = TEXT_40_350,
    [0x14] = TEXT_40_350,
    [0x15] = TEXT_80_350,
    [0x16] = TEXT_80_350,
    [0x17] = {40,
              24,
              16,
              0x800,
              {0x08, 0x03, 0x00, 0x02},
              0x67,
              CRTC_400(H40_TEXT, 0x4f, 13, 14, 0x14, 0x1f, 0xa3),
              {EGA_16, 0x0c, 0x00, 0x0f, 0x08},
              GC_TEXT},
    [0x18] = {80,
              24,
              16,
              0x1000,
              {0x00, 0x03, 0x00, 0x02},
              0x67,
              CRTC_400(H80_TEXT, 0x4f, 13, 14, 0x28, 0x1f, 0xa3),
              {EGA_16, 0x0c, 0x00, 0x0f, 0x08},
              GC_TEXT},
    [0x19] = {80,
              24,
              16,
              0x1000,
              {0x00, 0x03, 0x00, 0x02},
              0x66,
              CRTC_400(H80_TEXT, 0x4f, 13, 14, 0x28, 0x0f, 0xa3),
              {MONO_16, 0x0e, 0x00, 0x0f, 0x08},
              GC_MONO},
    [0x1a] = {80,
              29,
              16,
              0xa000,
              {0x01, 0x0f, 0x00, 0x06},
              0xe3,
              CRTC_480(H80, 0x40, 0x28, 0x00, 0xc3),
              {WHITE_2, 0x01, 0x00, 0x0f, 0x00},
              GC(0x00, 0x05, 0x01)},
    [0x1b] = {80,
              29,
              16,
              0xa000,
              {0x01, 0x0f, 0x00, 0x06},
              0xe3,
              CRTC_480(H80, 0x40, 0x28, 0x00, 0xe3),
              {EGA_16, 0x01, 0x00, 0x0f, 0x00},
              GC_PLANES},
    [0x1c] = {40,
              24,
              8,
              0x2000,
              {0x01, 0x0f, 0x00, 0x0e},
              0x63,
              CRTC_400(H80, 0x41, 0, 0, 0x28, 0x40, 0xa3),
              {VGA_16, 0x41, 0x00, 0x0f, 0x00},
              GC(0x40, 0x05, 0x0f)},
};

const struct mode ROM modes[] = {
    {0x00, TEXT, 4, PALETTE_EGA, 0xb800, 8, {0x00, 0x13, 0x17}},
    {0x01, TEXT, 4, PALETTE_EGA, 0xb800, 8, {0x01, 0x14, 0x17}},
    {0x02, TEXT, 4, PALETTE_EGA, 0xb800, 8, {0x02, 0x15, 0x18}},
    {0x03, TEXT, 4, PALETTE_EGA, 0xb800, 8, {0x03, 0x16, 0x18}},
    {0x04, CGA, 2, PALETTE_CGA, 0xb800, 1, {0x04, 0x04, 0x04}},
    {0x05, CGA, 2, PALETTE_CGA, 0xb800, 1, {0x05, 0x05, 0x05}},
    {0x06, CGA, 1, PALETTE_CGA, 0xb800, 1, {0x06, 0x06, 0x06}},
    {0x07, TEXT, 1, PALETTE_MONO, 0xb000, 8, {0x07, 0x07, 0x19}},
    {0x0d, PLANAR, 4, PALETTE_CGA, 0xa000, 8, {0x0d, 0x0d, 0x0d}},
    {0x0e, PLANAR, 4, PALETTE_CGA, 0xa000, 4, {0x0e, 0x0e, 0x0e}},
    {0x0f, PLANAR, 2, PALETTE_MONO, 0xa000, 2, {0x11, 0x11, 0x11}},
    {0x10, PLANAR, 4, PALETTE_EGA, 0xa000, 2, {0x12, 0x12, 0x12}},
    {0x11, PLANAR, 1, PALETTE_EGA, 0xa000, 1, {0x1a, 0x1a, 0x1a}},
    {0x12, PLANAR, 4, PALETTE_EGA, 0xa000, 1, {0x1b, 0x1b, 0x1b}},
    {0x13, PACKED, 8, PALETTE_VGA, 0xa000, 1, {0x1c, 0x1c, 0x1c}},
};

const u8 ROM modes_count = ARRAY_LEN(modes);
