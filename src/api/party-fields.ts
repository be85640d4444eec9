/** Who an invoice is for, or from. */
import { Type } from 'typebox'

// No control characters: the texts are printed.
export const Line = (maxLength: number, description?: string) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    ...(description ? { description } : {}),
  })

export const partyFields = {
  name: Line(200, 'Of a person.'),
  company: Line(200),
  email: Type.String({ minLength: 3, maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' }),
  tax_id: Line(50, 'Such as a VAT number; it is not looked up.'),
  address_lines: Type.Array(Line(200), { maxItems: 4 }),
  postal_code: Line(20),
  city: Line(100),
  region: Line(100, 'State or province, where the country has them.'),
  country: Type.String({ maxLength: 2, pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2.' }),
}
