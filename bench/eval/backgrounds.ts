/** The small world's backgrounds, in the words of its captions. */

/** What stands behind a prompt to ask for each. */
export const BACKGROUNDS: Readonly<Record<string, string>> = {
  day: "by day",
  sunset: "at sunset",
  night: "at night",
  sea: "at sea",
  snow: "in the snow",
  cream: "on a cream background",
  mint: "on a mint background",
  lavender: "on a lavender background",
};
