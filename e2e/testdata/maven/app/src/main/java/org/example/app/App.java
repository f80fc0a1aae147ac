package org.example.app;

import org.example.base.Base;

public class App {
    public static void main(String[] arguments) {
        System.out.println(Base.text());
    }
}
