/* Services for 32-bit protected mode: the BIOS32 directory, the PCI BIOS, APM. Callers have CS and DS
 * cover this code from any linear base, so it has no absolute addresses. */
        .intel_syntax noprefix
        .code32

        .section .text.bios32, "ax"

/* EAX: a service's name, BL: 0. AL 0 and EBX its base, ECX its length, EDX its entry's offset. */
        .globl bios32_directory
bios32_directory:
        test bl, bl
        jnz 2f
        cmp eax, 0x49435024             /* "$PCI" */
        jne 1f
        mov ebx, 0xe0000
        mov ecx, 0x20000
        mov edx, offset pci_entry - 0xe0000
        xor al, al
        retf
1:      mov al, 0x80                    /* there is no such service */
        retf
2:      mov al, 0x81
        retf

        .globl pci_entry
pci_entry:
        cld
        push ds
        push es
        pushad
        mov eax, esp
        push ss                         /* DS is good for this code, not for the caller's stack */
        pop ds
        push ss
        pop es
        call 1f
1:      pop edx
        movzx edx, byte ptr cs:[edx + bios32_last_bus - 1b]
        call bios32_pci
        mov [esp + 29], al              /* AH */
        cmp al, 1                       /* carry if it is not 0 */
        cmc
        popad
        pop es
        pop ds
        retf

        .globl bios32_last_bus
bios32_last_bus:
        .byte 0

/* APM 1.2, section 4.6: AL is the function, AH 53h; status in AH and carry. */
        .macro apm
        cmp al, 0x05
        je 5f
        cmp al, 0x07
        je 7f
        cmp al, 0x0a
        je 8f
        cmp al, 0x0b
        je 9f
        cmp al, 0x0e
        je 4f
        cmp al, 0x10
        ja 3f
2:      xor ah, ah                      /* others have nothing to do */
        clc
        retf
3:      mov ah, 0x0c                    /* not supported */
        stc
        retf
4:      mov ax, 0x0102                  /* version */
        clc
        retf
5:      sti                             /* idle */
        hlt
        jmp 2b
7:      cmp cx, 3                       /* off? */
        jne 2b
        cmp bx, 1
        jne 2b
        push dx
        mov dx, 0x604
        mov ax, 0x2000
        out dx, ax
        pop dx
        jmp 2b
8:      mov bx, 0x01ff                  /* on-line; no battery */
        mov cx, 0x80ff
        mov dx, 0xffff
        jmp 2b
9:      mov ah, 0x80                    /* no event */
        stc
        retf
        .endm

        .globl apm32_entry, apm16_entry
apm32_entry:
        apm
        .code16
apm16_entry:
        apm
        .code32
