/* Real mode: what only the firmware can tell, the A20 gate, and the way to protected mode. Each step of
 * that way leaves the registers as they were in steps[], which a page of the demonstration explains. And
 * back: bios_call() asks the firmware something from protected mode.
 *
 * All of it lies below 64 KiB and runs with segments of zero, so real-mode offsets, protected-mode offsets
 * and linear addresses are the same numbers. */
        .intel_syntax noprefix
        .arch i386
        .section .real, "awx"
        .code16

#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define MAP_ENTRIES 24
#define SMAP 0x534d4150

/* Leaves the registers in the step with that number. EAX and EDI are lost. */
        .macro note number
        mov edi, offset steps + \number * 40
        call note_step
        .endm

        .globl real_mode
real_mode:
        note 0
        call read_memory_map
        call find_font
        call open_a20
        note 1

        cli
        lgdt [gdt_register]
        note 2
        mov eax, cr0
        or al, 1
        mov cr0, eax                    /* protected mode, though CS is still what it was */
        note 3
        .byte 0x66, 0xea                /* far jump with a 32-bit offset: now CS is a selector */
        .long protected_mode
        .word CODE32

note_step:
        mov eax, cr0
        mov [edi], eax
        mov eax, cr3
        mov [edi + 4], eax
        pushfd
        pop dword ptr [edi + 8]
        mov [edi + 12], esp
        movzx eax, word ptr [esp]       /* our return address */
        mov [edi + 16], eax
        mov [edi + 20], cs
        mov [edi + 22], ds
        mov [edi + 24], ss
        sgdt [edi + 28]
        sidt [edi + 34]
        ret

/* INT 15h, E820h: the memory map, one range a call. */
read_memory_map:
        xor ebx, ebx
        mov di, offset memory_map
1:      mov eax, 0xe820
        mov edx, SMAP
        mov ecx, 20
        int 0x15
        jc 2f
        cmp eax, SMAP
        jne 2f
        inc word ptr [memory_ranges]
        add di, 20
        test ebx, ebx
        jz 2f
        cmp di, offset memory_map + MAP_ENTRIES * 20
        jb 1b
2:      ret

/* INT 10h, 1130h: where the video BIOS has its font of 8 by 16 dots. Zero if there is none. */
find_font:
        push es
        xor bp, bp
        mov ax, 0x1130
        mov bh, 6
        int 0x10
        xor eax, eax
        mov ax, es
        shl eax, 4
        movzx ebp, bp
        add eax, ebp
        mov [font_address], eax
        pop es
        ret

/* The gate is closed first, to show what that does, and opened by whatever way works. */
open_a20:
        mov ax, 0x2400
        int 0x15
        call look_through_a20
        mov [a20_closed], ax
        mov byte ptr [a20_method], 1
        mov ax, 0x2401                  /* 1: the firmware does it */
        int 0x15
        call is_a20_open
        jne 9f
        mov byte ptr [a20_method], 2    /* 2: port 92h */
        in al, 0x92
        or al, 2
        and al, 0xfe                    /* bit 0 would be a reset */
        out 0x92, al
        call is_a20_open
        jne 9f
        mov byte ptr [a20_method], 3    /* 3: the keyboard controller's output port, as in 1984 */
        call wait_8042
        mov al, 0xd1
        out 0x64, al
        call wait_8042
        mov al, 0xdf
        out 0x60, al
        call wait_8042
9:      call look_through_a20
        mov [a20_open], ax
        ret

wait_8042:
        in al, 0x64
        test al, 2
        jnz wait_8042
        ret

/* AX: the word at FFFF:7E0E. With the gate closed it is that at 0000:7DFE, our boot sector's AA55. */
look_through_a20:
        push ds
        mov ax, 0xffff
        mov ds, ax
        mov ax, ds:[0x7e0e]
        pop ds
        ret

/* Not equal: it is open. Equality may be chance, so another value is tried, too. */
is_a20_open:
        call look_through_a20
        cmp ax, [0x7dfe]
        jne 1f
        not word ptr [0x7dfe]
        call look_through_a20
        cmp ax, [0x7dfe]
        pushf
        not word ptr [0x7dfe]
        popf
1:      ret

/* ---- protected mode asks the firmware ---- */

/* void bios_call(u8 vector: al, struct bios_regs *: edx). Paging off, 16-bit segments, PE off, the
 * firmware's interrupt table; then all the way back. Interrupts are off meanwhile. */
        .code32
        .globl bios_call
bios_call:
        pushad
        pushfd
        cli
        mov bios_vector, al
        mov esi, edx
        mov edi, offset bios_regs
        mov ecx, 9
        cld
        rep movsd
        push edx
        mov bios_esp, esp
        mov eax, cr0
        mov bios_cr0, eax
        and eax, 0x7fffffff
        mov cr0, eax
        .byte 0xea
        .long 1f
        .word CODE16
        .code16
1:      mov ax, DATA16                  /* limits of 64 KiB, which real mode expects */
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        .byte 0xea
        .word 2f, 0
2:      xor ax, ax
        mov ds, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, 0x7c00
        lidt [real_idt]
        mov ebx, [bios_regs + 4]
        mov ecx, [bios_regs + 8]
        mov edx, [bios_regs + 12]
        mov esi, [bios_regs + 16]
        mov edi, [bios_regs + 20]
        mov ebp, [bios_regs + 24]
        mov es, [bios_regs + 28]
        mov eax, [bios_regs]
        .byte 0xcd                      /* INT, with the vector from above */
bios_vector: .byte 0
        cli
        pushfd
        push ds
        mov sp, 0x7c00 - 6
        push 0
        pop ds
        mov [bios_regs], eax
        mov [bios_regs + 4], ebx
        mov [bios_regs + 8], ecx
        mov [bios_regs + 12], edx
        mov [bios_regs + 16], esi
        mov [bios_regs + 20], edi
        mov [bios_regs + 24], ebp
        mov [bios_regs + 28], es
        pop word ptr [bios_regs + 30]
        pop dword ptr [bios_regs + 32]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        .byte 0x66, 0xea
        .long 3f
        .word CODE32
        .code32
3:      mov ax, DATA32
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, bios_esp
        mov eax, bios_cr0
        mov cr0, eax
        lidt idt_register
        pop edi
        mov esi, offset bios_regs
        mov ecx, 9
        cld
        rep movsd
        popfd
        popad
        ret

        .balign 4
bios_esp:   .long 0
bios_cr0:   .long 0
bios_regs:  .fill 9, 4, 0
real_idt:   .word 0x3ff
            .long 0
        .globl gdt_register, idt_register, font_address, memory_ranges, memory_map, steps
        .globl a20_closed, a20_open, a20_method, bios_buffer
gdt_register:   .word 12 * 8 - 1
                .long gdt
idt_register:   .word 64 * 8 - 1
                .long idt
font_address:   .long 0
memory_ranges:  .long 0
memory_map:     .fill MAP_ENTRIES * 20, 1, 0
steps:          .fill 8 * 40, 1, 0
a20_closed:     .word 0
a20_open:       .word 0
a20_method:     .byte 0
        .balign 16
bios_buffer:    .fill 512, 1, 0
