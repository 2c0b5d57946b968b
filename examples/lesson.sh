#!/bin/sh
# The lesson that README shows, and a picture of it, into the folder that is named (this one). Chromium
# opens the page at one element of the result; Pillow reduces the picture to 64 colours.
set -eu
cd "$(dirname "$0")"
folder=$(mkdir -p "${1:-.}" && cd "${1:-.}" && pwd)

cnnops conv --kernel '[[a,b],[c,d]]' --stride 1,2 input.npy --lesson "$folder/lesson.html" --quiet >/dev/null

# A root user in a container has no sandbox. Without motion, nothing is half way to its place.
"${CHROMIUM:-chromium}" --headless=new --no-sandbox --force-prefers-reduced-motion --hide-scrollbars \
    --window-size=1200,540 --force-device-scale-factor=1.4 --screenshot="$folder/lesson.png" \
    "file://$folder/lesson.html#at=0,1" 2>/dev/null
python3 - "$folder/lesson.png" <<'END'
import sys
from PIL import Image

picture = Image.open(sys.argv[1])
picture.quantize(64).save(sys.argv[1], optimize=True)
END
