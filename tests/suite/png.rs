//! The README's picture as PNG, for places that show no SVG: the same drawing,
//! with the font that stands beside it.

use crate::screens::{folder, picture};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};
use std::sync::Arc;

/// Pixels per unit of the drawing.
const SCALE: f32 = 2.0;

/// Another processor may round another way; a letter is no rounding.
const SAME: u8 = 8;

fn painted(svg: &str) -> Pixmap {
    let mut fonts = Database::new();
    for name in ["JetBrainsMono-Regular.ttf", "JetBrainsMono-Bold.ttf"] {
        fonts.load_font_data(std::fs::read(folder("font").join(name)).unwrap());
    }
    let options = Options {
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).unwrap();
    let size = tree.size().to_int_size().scale_by(SCALE).unwrap();
    let mut pixmap = Pixmap::new(size.width(), size.height()).unwrap();
    let transform = Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    pixmap
}

fn differs(a: &Pixmap, b: &Pixmap) -> bool {
    let size = |p: &Pixmap| (p.width(), p.height());
    let mut bytes = a.data().iter().zip(b.data());
    size(a) != size(b) || bytes.any(|(a, b)| a.abs_diff(*b) > SAME)
}

#[test]
fn the_picture_of_the_readme_is_the_drawing() {
    let svg = picture("troubled");
    let fresh = painted(&svg);
    let path = folder("troubled.png");
    if std::env::var_os("UPDATE_SHOTS").is_some() {
        std::fs::write(&path, fresh.encode_png().unwrap()).unwrap();
    }
    let kept = Pixmap::load_png(&path).unwrap();
    assert!(!differs(&kept, &fresh), "{} is stale", path.display());
    // One letter is seen.
    let other = painted(&svg.replacen("eu-06", "eu-07", 1));
    assert!(differs(&kept, &other));
}
