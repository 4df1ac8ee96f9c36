/* The ROM's head, its entry points, and what is not C. PCI Firmware Specification 3.0, 5.1 (header,
 * PCI data structure). The handlers of C run on the caller's stack with DS = ES = SS, GS = the ROM. */
    .code16
    .section .head, "ax"
    .globl rom_head
rom_head:
    .word 0xaa55
    .byte rom_blocks
    jmp init
    .org 6
    .word int10, crt_tables, font_8 + 1024, font_16, save_pointers /* devices/vga_mode3.c */
    .org 0x18
    .word pcir
    .org 0x1e
    .asciz "IBM"                        /* programs look here for it */
    .balign 4
pcir:
    .ascii "PCIR"
    .word 0x1234, 0x1111
    .word 0                             /* no vital product data */
    .word 0x18                          /* of this structure */
    .byte 0
    .byte 0, 0, 3                       /* VGA */
    .word rom_blocks, 1
    .byte 0, 0x80                       /* for PCs; the last image */
    .word 0
    .asciz "Orrery VGA BIOS"

    .text

/* Saves everything, calls \handler with the address of the saved registers (struct frame), and
 * restores. Where the stack's offsets are 16 bits the upper half of ESP is anything. */
    .macro enter_c handler
    cld
    pushal
    pushw %ds
    pushw %es
    pushw %fs
    pushw %gs
    movl %esp, %ebx
    movzwl %sp, %esp
    movw %ss, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %cs, %ax
    movw %ax, %gs
    movl %esp, %eax
    calll \handler
    movl %ebx, %esp
    popw %gs
    popw %fs
    popw %es
    popw %ds
    popal
    .endm

init:
    enter_c rom_init
    lret

    .globl int10
int10:
    sti                 /* lets in what has come; the C code runs without interrupts: see bell.c */
    nop
    cli
    enter_c int10_main
    iret

/* VBE's window function, by a far call: as 4F05h. */
    .globl window_call
window_call:
    pushfw
    cli
    enter_c vbe_window
    popfw
    lret

/* Print screen, after AH=12h BL=20h. */
    .globl int05
int05:
    enter_c print_screen
    iret
