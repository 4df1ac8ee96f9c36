/* Tables that programs find by far pointers: 0040:00A8 and what it leads to (IBM PS/2 and PC BIOS
 * Interface Technical Reference). An option ROM of a VGA lies at C0000h. */
    .macro far object
    .word \object, 0xc000
    .endm

    .section .rodata
    .globl save_pointers
save_pointers:
    far params_table
    .long 0, 0, 0       /* save area for palettes, fonts instead of the ROM's: text, graphics */
    far save_pointers_2
    .long 0, 0

save_pointers_2:
    .word 26            /* bytes */
    far display_codes
    .long 0, 0, 0, 0, 0 /* a second text font, user palettes */

/* Pairs of displays by the index in 0040:008A: 1 monochrome, 2 CGA, 4 and 5 EGA, 6 professional, 7
 * and 8 VGA with a monochrome and a colour monitor. */
    .globl display_codes
display_codes:
    .byte 16, 1, 8, 0
    .byte 0, 0, 0, 1, 0, 2, 2, 1, 0, 4, 4, 1, 0, 5, 2, 5
    .byte 0, 6, 6, 1, 6, 5, 8, 0, 8, 1, 7, 0, 7, 2, 7, 6

/* INT 10h AH=1Bh. */
    .globl functionality
functionality:
    .byte 0xff, 0xe0, 0x0f, 0, 0, 0, 0 /* modes */
    .byte 7                            /* 200, 350, 400 lines */
    .byte 8, 2                         /* fonts: blocks, at once */
    .byte 0xff, 0x0e                   /* all but the light pen */
    .byte 0, 0
    .byte 0x21                         /* 512 characters, display codes */
    .byte 0

/* Vector 1Dh: a CGA's and an MDA's CRT controller, for 40 and 80 columns, graphics, and monochrome;
 * page sizes, columns, and values of port 3D8h. */
    .globl crt_tables
crt_tables:
    .byte 0x38, 0x28, 0x2d, 0x0a, 0x1f, 0x06, 0x19, 0x1c, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0
    .byte 0x71, 0x50, 0x5a, 0x0a, 0x1f, 0x06, 0x19, 0x1c, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0
    .byte 0x38, 0x28, 0x2d, 0x0a, 0x7f, 0x06, 0x64, 0x70, 0x02, 0x01, 0x06, 0x07, 0, 0, 0, 0
    .byte 0x61, 0x50, 0x52, 0x0f, 0x19, 0x06, 0x19, 0x19, 0x02, 0x0d, 0x0b, 0x0c, 0, 0, 0, 0
    .word 0x0800, 0x1000, 0x4000, 0x4000
    .byte 40, 40, 80, 80, 40, 40, 80, 80
    .byte 0x2c, 0x28, 0x2d, 0x29, 0x2a, 0x2e, 0x1e, 0x29

/* A list of characters that look otherwise in nine dots: there are none. */
    .globl font_none
font_none:
    .byte 0
