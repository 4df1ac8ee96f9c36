# The option ROM that starts what -kernel names. Firmware finds it among the configuration device's
# files and boots it first (PnP BIOS specification 1.0A: a bootstrap entry vector). It tells the
# configuration device to copy everything to its place, and goes to the real-mode part of a Linux
# kernel (Linux, Documentation/arch/x86/boot.rst) or, in flat protected mode, to a Multiboot kernel
# (specification 0.6.96), whose memory map it asks the BIOS for.
#
# machine/kernel_rom.c puts behind this code what is to be done: struct parameters, then a list of
# descriptors of the configuration device, ended by one whose control word is zero.
        .intel_syntax noprefix
        .code16
        .text
        .globl _start

        .equ MEMORY_KIB, 0x413          # size of conventional memory, in the BIOS data area
        .equ TAKEN_KIB, 8               # of it for us: memory map, parameters, variables
        .equ MAP, 0                     # offsets there
        .equ MAP_END, 0x3c0
        .equ MAP_LENGTH, 0x3c0
        .equ FAR_ENTRY, 0x3c4           # far pointer
        .equ GDTR, 0x3cc
        .equ COPY, 0x400                # of the parameters
        .equ START, COPY                # entry point in flat protected mode; 0: real mode
        .equ INFO, COPY + 4             # Multiboot information
        .equ REAL_SP, COPY + 8
        .equ REAL_SEG, COPY + 10
        .equ LENGTH, 12                 # of parameters and list
        .equ LIST, COPY + 16
        .equ DMA_HIGH, 0x514
        .equ DMA_LOW, 0x518
        .equ INFO_MMAP_LENGTH, 44
        .equ INFO_MMAP_ADDR, 48
        .equ MULTIBOOT, 0x2badb002
        .equ STACK, 0x7c00              # the specification promises none

_start: .byte 0x55, 0xaa, 0             # length in 512 bytes
        xor ax, ax                      # nothing to set up at power-on
        retf
        .org 8
        .word parameters
        .org 0x1a
        .word pnp
pnp:    .ascii "$PnP"
        .byte 1, 2                      # revision, length in 16 bytes
        .word 0
        .byte 0, 0                      # checksum: bios/build.py
        .long 0
        .word maker, product
        .byte 0, 0x80, 0, 0
        .word 0, 0, boot, 0, 0
maker:  .asciz "Orrery"
product:
        .asciz "kernel"
failed_text:
        .asciz "The kernel cannot be loaded: there is no memory at its place.\r\n"

boot:   cld
        push cs
        pop ds
        xor ax, ax
        mov fs, ax
        mov ax, fs:[MEMORY_KIB]
        sub ax, TAKEN_KIB
        cmp dword ptr [parameters], 0
        je 1f
        mov fs:[MEMORY_KIB], ax         # a Multiboot kernel keeps the memory map
1:      shl ax, 6
        mov es, ax
        mov si, offset parameters
        mov di, COPY
        mov cx, [parameters + LENGTH]
        rep movsb
        push es
        pop ds
        cmp dword ptr [START], 0
        je load

        xor ebx, ebx                    # the memory map, as Multiboot has it: size, then E820h's
        mov di, MAP
1:      mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 20
        mov dword ptr [di], ecx
        add di, 4
        push di
        int 0x15
        pop di
        jc 2f
        cmp eax, 0x534d4150
        jne 2f
        add di, 20
        test ebx, ebx
        jz 3f
        cmp di, MAP_END - 24
        jbe 1b
        jmp 3f
2:      sub di, 4
3:      movzx edi, di
        mov [MAP_LENGTH], edi

load:   cli                             # from here on nothing in low memory is to be relied upon
        xor edi, edi
        mov di, ds
        shl edi, 4
        add edi, LIST
        mov si, LIST
next:   cmp dword ptr [si], 0
        je loaded
        mov dx, DMA_HIGH                # the descriptor's address, bytes in big-endian order
        xor eax, eax
        out dx, eax
        mov eax, edi
        xchg al, ah
        rol eax, 16
        xchg al, ah
        mov dx, DMA_LOW
        out dx, eax
1:      test byte ptr [si + 3], 1
        jnz failed
        cmp dword ptr [si], 0
        jne 1b
        add si, 16
        add edi, 16
        jmp next

loaded: cmp dword ptr [START], 0
        jne protected
        movzx esp, word ptr [REAL_SP]
        mov bx, [REAL_SEG]
        mov ss, bx
        mov ds, bx
        mov es, bx
        mov fs, bx
        mov gs, bx
        add bx, 0x20
        push bx
        push 0
        xor eax, eax
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        retf

protected:
        xor eax, eax
        mov ax, cs
        shl eax, 4
        add eax, offset in_flat
        mov [FAR_ENTRY], eax
        mov word ptr [FAR_ENTRY + 4], 8
        sub eax, offset in_flat
        add eax, offset gdt
        mov word ptr [GDTR], 3 * 8 - 1
        mov [GDTR + 2], eax
        xor ebp, ebp
        mov bp, ds
        shl ebp, 4
        .byte 0x66                      # all 32 bits of the base
        lgdt [GDTR]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp fword ptr [FAR_ENTRY]
        .code32
in_flat:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov ss, eax
        mov esp, STACK
        mov ebx, [ebp + INFO]
        mov eax, [ebp + MAP_LENGTH]
        mov [ebx + INFO_MMAP_LENGTH], eax
        mov [ebx + INFO_MMAP_ADDR], ebp
        mov ecx, [ebp + START]
        mov eax, MULTIBOOT
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        jmp ecx
        .code16

failed: push cs
        pop ds
        mov si, offset failed_text
1:      lodsb
        test al, al
        jz 2f
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp 1b
2:      sti
        int 0x18

        .balign 8                       # kernels without one of their own go on with it
gdt:    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
parameters:
