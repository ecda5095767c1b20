"""Images with boxes around objects, in COCO's format, for detection."""
