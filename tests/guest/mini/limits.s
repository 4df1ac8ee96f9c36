# Segment limits, types and null selectors. (QEMU's translator checks none of the limits.)
#! out read at the limit a5
#! out #0d 0000
#! out #0d 0000
#! out #0d 0000
#! out a write that fits 5a
#! out #0d 0000
#! out #0d 0000
#! out expand-down: 77
#! out #0d 0000
#! out #0d 0000
#! out read-only: 5a
#! out #0d 0000
#! out execute-only: #0d 0048
#! out #0d 0000
#! out null: #0d 0000
#! out stack: #0c 0000
#! out #0c 0000
#! out 00000000
#! out not present: #0b 0040
#! out #0c 0040
#! out not a segment: #0d 0040
#! out beyond the table: #0d 1000
#! out rep: #0d 0000
#! out 00000004 0020a00c
#! out code: #0d 0000 eip +00000010
#! out #0d 0000
#! out #0d 0000
#! out #0d 0040
#! out real length: #0d 0000
.include "prelude.inc"
.equ D, 0x40
.equ C, 0x48

.macro use access, flags, limit, base=0x200000
    segment D, \base, \limit, \access, \flags
    mov eax, D
    mov es, eax
.endm

main:
    mov byte ptr [0x200fff], 0xa5
    use 0x93, 4, 0xfff              # writable data, 4 KiB
    print "read at the limit "
    mov al, es:[0xfff]
    hex eax, 2
    newline
    faults mov eax, es:[0xffd]
    faults mov al, es:[0x1000]
    faults mov byte ptr es:[0xffffffff], 1
    print "a write that fits "
    mov dword ptr es:[0xffc], 0x5a5a5a5a
    mov al, [0x200fff]
    hex eax, 2
    newline
    faults mov es:[0xffe], eax
    mov ebx, 0x1001
    faults add dword ptr es:[ebx], 1

    use 0x97, 4, 0xfff              # expand-down: 1000 to ffffffff
    mov byte ptr [0x201000], 0x77
    print "expand-down: "
    mov al, es:[0x1000]
    hex eax, 2
    newline
    faults mov al, es:[0xfff]
    faults mov eax, es:[0xfffffffe]

    use 0x91, 4, 0xfff              # read-only
    print "read-only: "
    mov al, es:[0xfff]
    hex eax, 2
    newline
    faults mov byte ptr es:[0], 1

    segment C, 0, 0xfffff, 0x99, 12 # execute-only: CS reads of it fault; it cannot be loaded into ES
    print "execute-only: "
    mov eax, C
    faults mov es, eax
.data
far_execute_only:
    .long 1f
    .word C
.text
    jmp fword ptr [far_execute_only]
1:  faults mov al, cs:[0x100000]
    .byte 0xea                      # back
    .long 1f
    .word 0x10
1:
    print "null: "
    xor eax, eax
    mov es, eax
    faults mov al, es:[0]

    segment D, 0, 0x8ffff, 0x93, 4  # a stack that ends at the emulator's own
    print "stack: "
    mov eax, D
    mov ss, eax
    mov ebp, 0x8fffd
    faults mov eax, [ebp]
    mov ebx, esp
    mov eax, 0x18
    mov ss, eax
    mov esp, ebx

    segment D, 0, 0, 0x97, 4        # expand-down stack of all but byte 0
    mov eax, D
    mov ss, eax
    xor ebp, ebp
    faults mov eax, [ebp]
    mov eax, 0x18
    mov ss, eax
    mov eax, [ebp]                  # flat again: reads the null page
    and eax, 0
    hex eax
    newline

    print "not present: "
    segment D, 0, 0xfffff, 0x13, 12
    mov eax, D
    faults mov es, eax
    faults mov ss, eax
    print "not a segment: "
    segment D, 0, 0xfffff, 0x82, 12 # an LDT
    faults mov es, eax
    print "beyond the table: "
    mov eax, 0x1000
    faults mov es, eax

    print "rep: "                   # four elements fit: the fifth faults, the registers say so
    use 0x93, 4, 0xf, 0x20a000
    mov ecx, 8
    mov eax, 0x11223344
    mov edi, 0
    faults rep stosd
    hex ecx
    print " "
    mov eax, edi
    add eax, 0x20a000 - 4
    hex eax
    newline

    # Code that ends where the limit says: JMP to the last byte and beyond it.
    print "code: "
    mov edi, 0x210000               # a page of NOP
    mov ecx, 0x1000
    mov al, 0x90
    mov edx, 0x18
    mov es, edx
    rep stosb
    segment C, 0x210000, 0xf, 0x9b, 4
    mov dword ptr [origin], 0
    resume_at 1f
    hook 13, from_limited
    .byte 0xea                      # runs 16 NOPs, then off the end
    .long 0
    .word C
1:  mov dword ptr [hooks + 13 * 4], 0
    .macro far_faults offset, selector
    mov dword ptr [origin], offset 9701f
    resume_at 9702f
9701:
    .byte 0xea
    .long \offset
    .word \selector
9702:
    .endm
    far_faults 0x10, C              # past the limit: the fault is the JMP's
    far_faults 0xffffffff, C
    segment D, 0, 0xfffff, 0x93, 12
    far_faults 0, D                 # data is no code: error code says which

    print "real length: "           # 16 bytes with prefixes: too long
    faults .byte 0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x26,0x90
    exit 0

from_limited:                       # comes from the other code segment: go back to the flat one
    call report
    mov dword ptr [ebx + frame_cs], 0x10
    ret
