# Never stops setting the index register of the real-time clock's memory. Run by test_qmp.py.
.include "prelude.inc"
.globl main
main:
    mov al, 0x0f
1:  out 0x70, al
    jmp 1b
