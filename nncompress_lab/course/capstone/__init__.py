"""The capstone: three customers, the files that are handed in to them, a certificate."""

from nncompress_lab.course.capstone.certificate import Certificate, certificate
from nncompress_lab.course.capstone.customers import (
    CUSTOMERS,
    PHONE,
    SERVER,
    STATION,
    Customer,
)
from nncompress_lab.course.capstone.hand_in import HandIn, RefusedFileError, measured
from nncompress_lab.course.capstone.leader import known_rows, leader_line

__all__ = [
    "CUSTOMERS",
    "PHONE",
    "SERVER",
    "STATION",
    "Certificate",
    "Customer",
    "HandIn",
    "RefusedFileError",
    "certificate",
    "known_rows",
    "leader_line",
    "measured",
]
