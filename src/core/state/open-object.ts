import { z } from "zod";

/**
 * An object whose unknown members stay with it: a later version's, which an older worker hands on with the message.
 * Its type names the known ones alone, so that nobody reads the others by mistake.
 */
export function openObject<T extends z.core.$ZodLooseShape>(shape: T): z.ZodObject<T> {
  return z.looseObject(shape);
}
