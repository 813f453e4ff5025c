"""The verbs: everything the desk decides and does. Read `helpdesk/intake.py` first."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    # Linear algebra reads these when it is loaded, by the desk and by every process it starts. The desk's sums are
    # small: with a thread for each core most of the time goes into waiting for the others, and all of it is taken from
    # those who answer calls (learning what people said of topics at a load of 20: 22 s of the processor for 0.7).
    os.environ.setdefault(_name, "1")
