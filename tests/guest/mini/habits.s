# Tells what machine it is in, a line for each thing that options decide. (No expectations here: test_habits.py has them.)
.include "prelude.inc"

.macro cmos index
    mov al, \index
    out 0x70, al
    in al, 0x71
.endm

# A byte of CMOS RAM in hexadecimal
.macro show_cmos index
    cmos \index
    hex eax, 2
.endm

# Is there a register at this port that keeps what is written?
.macro keeps port, bit
    mov edx, \port
    mov al, 0x5a
    out dx, al
    in al, dx
    cmp al, 0x5a
    jne 9700f
    or ebx, \bit
9700:
.endm

main:
    print "memory "                     # 64 KiB units from 16 MiB on, KiB from 1 MiB on
    show_cmos 0x35
    show_cmos 0x34
    print " "
    show_cmos 0x31
    show_cmos 0x30
    newline

    print "floppy "
    show_cmos 0x10
    newline

    print "ide"
    mov edx, 0x3f6                      # a reset, after which drives show their signatures
    call reset_ide
    mov edx, 0x376
    call reset_ide
    xor ebp, ebp
1:  call show_ide
    inc ebp
    cmp ebp, 4
    jne 1b
    newline

    print "date "
    show_cmos 0x32
    show_cmos 9
    print "-"
    show_cmos 8
    print "-"
    show_cmos 7
    print " "
    show_cmos 4
    print ":"
    show_cmos 2
    newline

    print "ports "                      # COM1 to COM4, LPT1, VGA
    xor ebx, ebx
    keeps 0x3ff, 1
    keeps 0x2ff, 2
    keeps 0x3ef, 4
    keeps 0x2ef, 8
    keeps 0x378, 16
    keeps 0x3c7, 0                      # of a VGA this is no register of that kind
    mov edx, 0x3ce
    mov al, 8                           # graphics controller, bit mask
    out dx, al
    keeps 0x3cf, 32
    hex ebx, 2
    newline

    print "cpu "
    mov eax, 1
    cpuid
    hex eax
    print " "
    hex edx
    print " "
    hex ecx
    newline
    exit 1

reset_ide:
    mov al, 6
    out dx, al
    mov al, 2
    out dx, al
    mov ecx, 200000                     # some of it without BSY, if the selected drive is not there
1:  in al, dx
    test al, 0x80
    jnz 1b
    loop 1b
    ret

# EBP: drive 0 to 3
show_ide:
    print " "
    mov edx, 0x1f6
    test ebp, 2
    jz 1f
    mov edx, 0x176
1:  mov eax, ebp
    and al, 1
    shl al, 4
    or al, 0xe0
    out dx, al
    inc edx                             # status
    in al, dx
    cmp al, 0x7f                        # nobody drives the bus
    jae absent
    dec edx
    dec edx                             # LBA high, LBA mid: the signature of a CD-ROM drive
    in al, dx
    mov ah, al
    dec edx
    in al, dx
    cmp ax, 0xeb14
    je cdrom
    add edx, 3
    in al, dx
    test al, 0x40
    jz absent
    sub edx, 5                          # one sector, LBA 0
    mov al, 1
    out dx, al
    xor eax, eax
    inc edx
    out dx, al
    inc edx
    out dx, al
    inc edx
    out dx, al
    add edx, 2
    mov al, 0x20
    out dx, al
2:  in al, dx
    test al, 0x80
    jnz 2b
    test al, 8
    jz absent
    sub edx, 7
    mov edi, 0x20000
    mov ecx, 256
    rep insw
    mov ecx, 4
    mov esi, 0x20000
3:  lodsb
    out 0xe9, al
    loop 3b
    ret
absent:
    print "-"
    ret
cdrom:                                  # or an absent slave beside one: IDENTIFY PACKET DEVICE tells
    add edx, 3
    mov al, 0xa1
    out dx, al
4:  in al, dx
    test al, 0x80
    jnz 4b
    test al, 8
    jz absent
    sub edx, 7
    mov ecx, 256
5:  in ax, dx
    loop 5b
    print "cd"
    ret
