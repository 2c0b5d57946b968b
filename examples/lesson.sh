#!/bin/sh
# The lesson that README shows, and a picture of it, into the folder that is named (this one). Needs
# Chromium, which opens the page at one element of the result, and Pillow, to keep the picture small.
set -eu
browser=${CHROMIUM:-chromium}
command -v "$browser" >/dev/null || { echo "lesson.sh: there is no $browser" >&2; exit 1; }
cd "$(dirname "$0")"
folder=$(mkdir -p "${1:-.}" && cd "${1:-.}" && pwd)

cnnops conv --kernel '[[a,b],[c,d]]' --stride 1,2 input.npy --lesson "$folder/lesson.html" --quiet >/dev/null

# Without a sandbox, as it does not work for root in a container; without motion, as the picture has none.
"$browser" --headless=new --no-sandbox --force-prefers-reduced-motion --hide-scrollbars \
    --window-size=1200,540 --force-device-scale-factor=1.4 --screenshot="$folder/lesson.png" \
    "file://$folder/lesson.html#at=0,1" 2>/dev/null
python3 - "$folder/lesson.png" <<'END'
import sys
from PIL import Image

picture = Image.open(sys.argv[1])
picture.quantize(64).save(sys.argv[1], optimize=True)
END
