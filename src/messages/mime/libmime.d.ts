/** The function we use of libmime, which brings no types. */
declare module 'libmime' {
  const libmime: {
    /** RFC 2047: replaces every encoded-word in the text. */
    decodeWords(text: string): string
  }
  export default libmime
}
