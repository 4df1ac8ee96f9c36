# ARPL reads its memory operand and writes it only to raise the RPL: one that needs no change may lie in a read-only
# segment (as measured on an Intel processor; the 386 too).
#! status 1
#! out reg 0002 zf 1
#! out same 0003 zf 0
#! out mem 0002 zf 1
#! out ro same fff3 zf 0
#! out #0d 0000
#! out ro lower fff0
.include "prelude.inc"
.macro zero_flag
    setz al
    print " zf "
    hex eax, 1
    newline
.endm
main:
    segment 0x40, 0, 0xfffff, 0x91, 0xc     # read-only data
    mov ecx, 0x40
    mov ebx, 2
    mov edx, 0
    cmp edx, 1
    arpl dx, bx
    print "reg "
    hex edx, 4
    zero_flag
    mov edx, 3
    cmp edx, edx
    arpl dx, bx
    print "same "
    hex edx, 4
    zero_flag
    mov word ptr [low], 0
    cmp edx, 1
    arpl [low], bx
    mov edx, [low]
    print "mem "
    hex edx, 4
    zero_flag
    mov dword ptr [low], 0xfff3
    mov es, ecx
    cmp edx, edx
    arpl es:[low], bx
    mov edx, es:[low]
    print "ro same "
    hex edx, 4
    zero_flag
    mov dword ptr [low], 0xfff0
    faults arpl es:[low], bx
    print "ro lower "
    hex [low], 4
    newline
    exit 0
.data
low: .long 0
