package org.example.base;

/** What the application prints. */
public class Base {
    public static String text() {
        return "from the base";
    }
}
