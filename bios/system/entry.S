/* Where interrupts and old programs enter, and how they get from here to C and back.
 *
 * A service runs on the BIOS's own stack in segment E000, because a caller's may be tiny. stack_top
 * is where the next one begins that comes from a foreign stack: each such entry reserves LEVEL bytes
 * until it returns, so an interrupt handler that calls us from a stack of its own does not overwrite
 * what it has interrupted. When callers that never return have used up all levels, they start over. */
#define DATA_SEG  0xe000
#define STACK_END 0x4000
#define STACK_MIN 0x2000
#define LEVEL     0x0800
#define FRAME     48
#define HANDLER   40

        .intel_syntax noprefix
        .code16

        .macro ret32                    /* the return of C code: 32 bits are popped */
        .byte 0x66, 0xc3
        .endm

/* ---- services ---- */

        .section .data, "aw"
stack_top:                              /* a far pointer for LSS, which no MOV SS can replace as cheaply */
        .long STACK_END
        .word DATA_SEG
        .globl service_level
service_level:                          /* where the caller's ESP and SS of this level are; 0: ours */
        .long 0

        .section .entry, "ax"
enter:  cli
        cld
        push ds
        push es
        push fs
        push gs
        pushad
        mov ax, ss
        cmp ax, DATA_SEG
        je own_stack
        mov esi, esp
        mov cx, DATA_SEG
        mov ds, cx
        mov ecx, [stack_top]
        cmp cx, STACK_MIN + LEVEL
        jae 1f
        mov ecx, STACK_END
        mov [stack_top], ecx
1:      lss esp, [stack_top]
        sub dword ptr [stack_top], LEVEL
        push dword ptr [service_level]  /* of before; level, caller's SS and ESP, its frame */
        push ecx
        push eax
        push esi
        mov [service_level], esp
        sub esp, FRAME
        mov dx, DATA_SEG
        mov edi, esp
        mov es, dx
        mov ds, ax
        mov cx, FRAME / 4
        rep movsd
        mov ds, dx
        call call_handler
        mov esi, esp
        mov di, [esi + FRAME]
        mov es, [esi + FRAME + 4]
        mov cx, FRAME / 4
        rep movsd
        mov ecx, [esi + 8]
        mov [stack_top], ecx
        mov ecx, [esi + 12]
        mov [service_level], ecx
        lss esp, [esi]
        jmp leave_service
own_stack:
        mov ds, ax
        mov es, ax
        movzx esp, sp
        call call_handler
leave_service:
        popad
        pop gs
        pop fs
        pop es
        pop ds
        add sp, 2
        iret

/* Calls the handler of the frame above the return address. */
call_handler:
        mov ax, 0x40
        mov fs, ax
        lea eax, [esp + 2]
        movzx ebx, word ptr [eax + HANDLER]
        call ebx
        cli
        cld
        ret

/* ---- calling others ---- */

/* Goes to the far pointer in EAX with the registers that EDX points to, and stores them when it
 * comes back: by RETF, or by IRET where flags are pushed too. */
        .macro call_out interrupt
        push ebx
        push esi
        push edi
        push ebp
        push edx
        .if \interrupt
        mov cx, [edx + 46]              /* the handler sees our flags, with the carry asked for */
        and cx, 1
        pushf
        and byte ptr [esp], 0xfe
        or [esp], cx
        .endif
        push cs
        push offset 1f
        push eax
        mov ebx, edx
        push dword ptr [ebx + 36]       /* ES, DS */
        mov edi, [ebx]
        mov esi, [ebx + 4]
        mov ebp, [ebx + 8]
        mov edx, [ebx + 20]
        mov ecx, [ebx + 24]
        mov eax, [ebx + 28]
        mov ebx, [ebx + 16]
        pop es
        pop ds
        .if \interrupt
        push ax                         /* flags as on entry of a handler: carry, IF off */
        mov ax, ss:[esp + 10]
        and ax, 1
        push ax
        popf
        pop ax
        .endif
        retf
1:      pushf
        cli
        push ds
        push es
        push ebx
        mov bx, DATA_SEG
        mov ds, bx
        movzx esp, sp
        mov ebx, [esp + 10]
        mov [ebx], edi
        mov [ebx + 4], esi
        mov [ebx + 8], ebp
        mov [ebx + 20], edx
        mov [ebx + 24], ecx
        mov [ebx + 28], eax
        pop dword ptr [ebx + 16]
        pop word ptr [ebx + 36]
        pop word ptr [ebx + 38]
        pop word ptr [ebx + 46]
        mov ax, DATA_SEG
        mov es, ax
        mov ax, 0x40
        mov fs, ax
        cld
        pop edx
        pop ebp
        pop edi
        pop esi
        pop ebx
        ret32
        .endm

        .section .text.call_int, "ax"
        .globl call_int, call_far
call_int:                               /* void call_int(u8 vector: eax, struct regs *: edx) */
        movzx eax, al
        xor cx, cx
        mov gs, cx
        mov eax, gs:[eax * 4]
        call_out 1
call_far:                               /* void call_far(u32 to: eax, struct regs *: edx) */
        call_out 0

/* ---- 32-bit calls at power-on ---- */

        .section .entry, "ax"
        .balign 8
gdt:    .quad 0
        .quad 0x00cf9b000000ffff        /* 08: code, flat */
        .quad 0x00cf93000000ffff        /* 10: data, flat */
        .quad 0x00009b0f0000ffff        /* 18: code, F0000, 16 bits */
        .quad 0x000093000000ffff        /* 20: data, 16 bits */
gdtr:   .word gdtr - gdt - 1
        .long gdt + 0xf0000

        .macro flat_jump target         /* far jump with a 32-bit offset, into 32-bit code */
        .byte 0x66, 0xea
        .long \target
        .word 0x08
        .endm

/* From 32-bit code to real mode with our segments; the stack stays as it is. Destroys EAX. */
        .macro leave_flat
        .byte 0xea
        .long 8f
        .word 0x18
        .code16
8:      mov ax, 0x20
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        .byte 0xea
        .word 9f, 0xf000
9:      mov ax, DATA_SEG
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov ax, 0x40
        mov fs, ax
        .endm

        .section .text.call32, "ax"
        .globl call32
call32:                                 /* u32 call32(void (*function)(): eax, u32 argument: edx) */
        push ebx
        pushf
        cli
        mov ebx, eax
        lgdt cs:[gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        flat_jump (1f + 0xf0000)
        .code32
1:      mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        add esp, DATA_SEG * 16
        mov eax, edx
        call ebx
        mov ebx, eax
        sub esp, DATA_SEG * 16
        leave_flat
        mov eax, ebx
        popf
        pop ebx
        ret32

/* ---- power-on ---- */

        .macro write_config reg, value
        mov eax, 0x80000000 + \reg
        mov dx, 0xcf8
        out dx, eax
        mov eax, \value
        mov dl, 0xfc
        out dx, eax
        .endm

/* Everything is in its reset state; but software may have asked for the reset to leave protected
 * mode, and put into CMOS how to go on. Then RAM is as it was, and only hidden by the ROM. */
        .section .entry, "ax"
power_on:
        cli
        cld
        mov al, 0x8f
        out 0x70, al
        in al, 0x71
        mov bl, al
        mov al, 0x8f
        out 0x70, al
        mov al, 0
        out 0x71, al
        cmp bl, 0x05
        je resume
        cmp bl, 0x09
        jb 1f
        cmp bl, 0x0c
        jbe resume
1:
        in al, 0x92                     /* A20 */
        or al, 2
        and al, 0xfe
        out 0x92, al
        lgdt cs:[gdtr]
        mov eax, cr0
        or al, 1
        and eax, 0x9fffffff             /* caches on */
        mov cr0, eax
        flat_jump (1f + 0xffff0000)     /* the ROM's place below 4 GiB */
        .code32
1:      mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        write_config 0x58, 0x33333000   /* RAM at C0000-FFFFF, to read and to write */
        write_config 0x5c, 0x33333333
        mov edi, 0xc0000
        mov ecx, 0x20000 / 4
        xor eax, eax
        rep stosd
        mov esi, 0xfffe0000
        mov ecx, 0x20000 / 4
        rep movsd
        mov edi, offset post_bss
        mov ecx, offset post_bss_end
        sub ecx, edi
        shr ecx, 2
        rep stosd
        mov edi, offset bss_start
        mov ecx, STACK_END
        sub ecx, edi
        add edi, DATA_SEG * 16
        rep stosb
        leave_flat
        mov esp, STACK_END
        mov eax, offset power_on_self_test
        call eax

resume: write_config 0x58, 0x11111000 /* the same as at the end of POST: see lock_shadow() */
        write_config 0x5c, 0x11131111
        mov ax, 0x40
        mov ds, ax
        cmp bl, 0x0a
        je 3f
        ja 1f
        cmp bl, 0x09
        je 2f
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
3:      jmp dword ptr [0x67]            /* 05, 0A: a jump */
1:      lss sp, [0x67]                  /* 0B: IRET, 0C: RETF */
        cmp bl, 0x0c
        je 4f
        iret
4:      retf
2:      lss sp, [0x67]                  /* 09: a block move's end */
        pop ds
        pop es
        popa
        iret

/* ---- what the vectors point to ---- */

        .macro service name
        .globl \name\()_entry
\name\()_entry:
        push offset \name
        jmp enter
        .endm

        service int11
        service int12
        service int13
        service int15
        service int17
        service int18
        service int19
        service int1a
        service irq12
        service int40
        service irq14
        service rtc_irq

        service tick

/* The timer. Whoever has hooked INT 1Ch may switch stacks and never come back, so it is called on
 * the stack that was interrupted, as the AT does it (Technical Reference, BIOS listing, TIME). The AT
 * keeps AX, DX and DS for it; later BIOSes all registers, and handlers count on it. */
timer:  push cs                         /* so the frame is of whole dwords, as of services: a
                                           stack may go on at its segment's end, but no dword may cross it */
        push ds
        push es
        push fs
        push gs
        pushad
        pushf
        push cs
        call tick_entry
        mov ax, 0x40
        mov ds, ax
        int 0x1c
        cli
        mov al, 0x20
        out 0x20, al
        popad
        pop gs
        pop fs
        pop es
        pop ds
        add sp, 2
        iret

/* void boot_enter(u32 entry: eax, u8 drive: edx): never comes back, but by INT 18h, to which a far
 * return leads as well. ES is zero and not, as PnP BIOSes have it, the segment of the installation
 * check: many a boot sector loads what follows to ES:BX as it finds it. */
        .section .text.boot_enter, "ax"
        .globl boot_enter
boot_enter:
        cli
        mov dword ptr [stack_top], STACK_END
        xor cx, cx
        mov ss, cx
        mov esp, 0x7000
        push 0xf000
        push offset gave_up
        push eax
        xor eax, eax
        movzx edx, dl
        mov ds, ax
        mov fs, ax
        mov gs, ax
        mov es, ax
        xor edi, edi
        xor ebx, ebx
        xor ecx, ecx
        xor esi, esi
        xor ebp, ebp
        push 0
        push 2
        popfd
        mov eax, 0xaa55
        sti
        retf
gave_up:
        int 0x18

        .globl wait_irq
        .section .text.wait_irq, "ax"
/* On the caller's stack: an interrupt handler of its own may leave for good and think it is there. */
wait_irq:
        push ebx
        mov ebx, esp
        mov ecx, [service_level]
        jecxz 2f
        lss esp, [ecx]
2:      smsw ax                         /* in virtual-8086 mode HLT is somebody else's */
        sti
        test al, 1
        jnz 1f
        hlt
1:      nop
        cli
        mov ax, DATA_SEG
        mov ss, ax
        mov esp, ebx
        pop ebx
        ret32

/* ---- protected mode for services ---- */

/* void move_words(u32 gdt: eax, u16 count: edx): from 10h:0 to 18h:0; code and stack are 20h, 28h */
        .section .text.move_words, "ax"
        .globl move_words
move_words:
        push esi
        push edi
        sub esp, 12
        sgdt [esp + 6]
        mov word ptr [esp], 0x2f
        mov [esp + 2], eax
        lgdt [esp]
        movzx ecx, dx
        mov eax, cr0
        or al, 1
        mov cr0, eax
        .byte 0xea
        .word 1f, 0x20
1:      mov ax, 0x28
        mov ss, ax
        mov ax, 0x10
        mov ds, ax
        mov ax, 0x18
        mov es, ax
        xor esi, esi
        xor edi, edi
        shr cx, 1
        rep movsd
        adc cx, cx
        rep movsw
        mov ax, 0x28
        mov ds, ax
        mov es, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        .byte 0xea
        .word 2f, 0xf000
2:      mov ax, DATA_SEG
        mov ss, ax
        mov ds, ax
        mov es, ax
        lgdt [esp + 6]
        add esp, 12
        pop edi
        pop esi
        ret32

/* void protected_mode(struct regs *: eax, const struct tables *: edx): the service does not return
 * to where it was called but behind it, with the caller's selectors: DS 18h, ES 20h, SS 28h, CS 30h;
 * 38h is us. Only for callers from another stack, whose SS and ESP are behind the frame. */
        .section .text.protected_mode, "ax"
        .globl protected_mode
protected_mode:
        lgdt [edx]
        lidt [edx + 6]
        mov ebx, eax
        mov dword ptr [stack_top], STACK_END
        mov cx, [ebx + 42]              /* IP */
        mov ax, [ebx + FRAME + 4]
        mov edx, [ebx + FRAME]
        add dx, FRAME
        mov ss, ax
        mov esp, edx
        push 0x30
        push cx
        mov edi, [ebx]
        mov esi, [ebx + 4]
        mov ebp, [ebx + 8]
        mov edx, [ebx + 20]
        mov ecx, [ebx + 24]
        mov ebx, [ebx + 16]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        .byte 0xea
        .word 1f, 0x38
1:      mov ax, 0x18
        mov ds, ax
        mov ax, 0x20
        mov es, ax
        mov ax, 0x28
        mov ss, ax
        xor ax, ax
        retf

/* void call_mouse(u32 handler: eax, const u16 words[4]: edx): a far call with four words */
        .section .text.call_mouse, "ax"
        .globl call_mouse
call_mouse:
        push ebx
        push esi
        push edi
        push ebp
        push dword ptr [edx]
        push dword ptr [edx + 4]
        push cs
        push offset 1f
        push eax
        sti
        retf
1:      cli
        cld
        add sp, 8
        movzx esp, sp
        mov ax, DATA_SEG
        mov ds, ax
        mov es, ax
        mov ax, 0x40
        mov fs, ax
        pop ebp
        pop edi
        pop esi
        pop ebx
        ret32

        .section .text.pnp, "ax"
        .balign 16
        .globl pnp_header
pnp_header:                             /* POST puts in the checksum; all functions are refused */
        .ascii "$PnP"
        .byte 0x10, 33
        .word 0
        .byte 0
        .long 0
        .word pnp_real, 0xf000
        .word pnp_real
        .long 0xf0000
        .long 0
        .word 0xf000
        .long 0xf0000
pnp_real:
        mov ax, 0x82
        retf

        .section .entry, "ax"
        .globl eoi1_entry, eoi2_entry
eoi2_entry:                             /* interrupts that nobody serves */
        push ax
        mov al, 0x20
        out 0xa0, al
        jmp 1f
eoi1_entry:
        push ax
1:      mov al, 0x20
        out 0x20, al
        pop ax
        iret
        .globl irq9_entry
irq9_entry:                             /* the old IRQ 2 comes in here */
        push ax
        mov al, 0x20
        out 0xa0, al
        pop ax
        int 0x0a
        iret
        .globl irq13_entry
irq13_entry:                            /* FPU errors: software expects them as an NMI */
        push ax
        xor al, al
        out 0xf0, al
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop ax
        int 2
        iret

/* ---- fixed places that programs know ---- */

        .macro at offset
        .org \offset - 0xe000
        .endm

        .section .fixed, "ax"
        at 0xe000
        .ascii "Orrery BIOS"
        at 0xe05b
        jmp power_on
        at 0xe2c3
        iret                            /* NMI */
        at 0xe3fe
        jmp int13_entry
        at 0xe401                       /* parameters of a disk of no type */
        .fill 16, 1, 0
        at 0xe6f2
        jmp int19_entry
        .globl config_table
        at 0xe6f5
config_table:
        .word 8
        .byte 0xfc, 0, 1                /* AT; revision */
        .byte 0x74                      /* second 8259, RTC, INT 15/4F, wait for external event */
        .byte 0x40, 0, 0, 0             /* INT 16/09 */
        at 0xe729
        .word 0x0417, 0x0300, 0x0180, 0x00c0, 0x0060, 0x0030, 0x0018, 0x000c /* bit rates of INT 14 */
        at 0xe739
        service int14
        at 0xe82e
        service int16
        at 0xe987
        service irq1
        at 0xec59
        jmp int40_entry
        at 0xef57
        service irq6
        .globl diskette_table
        at 0xefc7
diskette_table:
        .byte 0xaf, 0x02, 0x25, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08
        at 0xefd2
        jmp int17_entry
        at 0xf045
        iret                            /* INT 10 functions of old; the video BIOS has them */
        at 0xf065
        .globl int10_entry
int10_entry:
        iret                            /* no video BIOS */
        at 0xf0a4
        .fill 64, 1, 0                  /* video parameters */
        at 0xf841
        jmp int12_entry
        at 0xf84d
        jmp int11_entry
        at 0xf859
        jmp int15_entry
        .globl font8x8
        at 0xfa6e
font8x8:
        at 0xfe6e
        jmp int1a_entry
        at 0xfea5
        .globl irq0_entry
irq0_entry:
        jmp timer
        .globl iret_entry
        at 0xff53
iret_entry:
        iret
        at 0xff54
        iret                            /* INT 5; the video BIOS prints the screen */
        at 0xfff0
        .globl reset_entry
reset_entry:
        .byte 0xea
        .word power_on, 0xf000
        at 0xfff5
        .ascii "11/21/26"
        at 0xfffe
        .byte 0xfc, 0
        at 0x10000

/* E0000 looks like an option ROM of 64 KiB, so that memory managers leave our data alone. */
        .section .head, "aw"
        .byte 0x55, 0xaa, 0x80
        retf
