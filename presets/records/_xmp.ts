/** XMP, XML that some programs keep their settings in. */

/** The keyword under which a picture's texts have it. */
export const XMP = "XML:com.adobe.xmp";

/** XML's five entities, and characters by number. */
export function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replaceAll(
    /&(?:(amp|lt|gt|quot|apos)|#x([\da-f]{1,6})|#(\d{1,7}));/gi,
    (whole, name, hex, decimal) => {
      if (name !== undefined) return named[name.toLowerCase()]!;
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
