"""What moves facts and due work along. It knows no business."""
